import { element } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';
import type { AdminApi } from '../api/admin-api.js';
import type { Partition, PodState, SlowConsumer } from '../api/answers.js';
import { formatAge, formatBytes, formatCount, formatMs, formatTime } from '../model/format.js';
import type { Rates } from '../model/rates.js';
import { brokerFacts, troubles } from '../model/pod.js';
import { Facts } from './facts.js';
import { LimitsList } from './limits-list.js';
import { Table } from './table.js';
import { Trends } from './trends.js';
import type { View } from './view.js';

/** The pod that serves this page. */
export class PodView implements View {
  readonly title = 'Pod';
  readonly element: HTMLElement;
  readonly #rates: Rates;
  readonly #troubles = element('ul', { class: 'troubles', attributes: { role: 'list' }, data: { testid: 'troubles' } });
  readonly #troubleList = new KeyedList<string>(this.#troubles, {
    key: (text) => text,
    create: (text) => element('li', {}, text),
    update: () => {},
  });
  readonly #numbers = new Facts('tiles');
  readonly #trends = new Trends();
  readonly #broker = new Facts('facts');
  readonly #partitions = new Table<Partition>({
    caption: "Partitions of the broker's log",
    key: ({ partition }) => String(partition),
    empty: '',
    columns: [
      { label: 'Partition', text: ({ partition }) => String(partition), kind: 'number' },
      { label: 'Lag', text: ({ lag }) => formatMs(lag), kind: 'number' },
      {
        label: 'Unread',
        text: ({ unread }) => (unread === undefined ? 'unknown' : formatCount(unread)),
        kind: 'number',
      },
      { label: 'Problem', text: ({ problem, isBehind }) => problem ?? (isBehind ? 'behind' : 'none') },
    ],
  });
  readonly #limits = new LimitsList();
  readonly #slow = new Table<SlowConsumer>({
    caption: 'Slow consumers',
    key: ({ connection }) => connection,
    empty: 'Nobody reads more slowly than messages are sent.',
    columns: [
      {
        label: 'User',
        text: ({ user }) => user ?? '(anonymous)',
        route: ({ user }) => (user === undefined ? undefined : { view: 'user', name: user }),
      },
      { label: 'Waiting', text: ({ waiting }) => formatBytes(waiting), kind: 'number' },
      { label: 'Client', text: ({ client }) => client, kind: 'code' },
      { label: 'Connection', text: ({ connection }) => connection, kind: 'code' },
    ],
  });
  readonly #pod = new Facts('facts');

  constructor(rates: Rates) {
    this.#rates = rates;
    this.element = element(
      'div',
      { class: 'sections' },
      this.#troubles,
      section('Now', this.#numbers.element, this.#trends.element),
      section('Broker', this.#broker.element, this.#partitions.element),
      section('Slow consumers', this.#slow.element),
      section('Limits', this.#limits.element),
      section('This pod', this.#pod.element),
    );
  }

  async refresh(_api: AdminApi, state: PodState): Promise<void> {
    this.#troubleList.render(troubles(state));
    this.#numbers.render(numbersOf(state));
    this.#trends.render(this.#rates);
    this.#broker.render(brokerFacts(state));
    const { partitions = [] } = state.broker;
    this.#partitions.render(partitions);
    this.#partitions.element.hidden = partitions.length === 0;
    this.#slow.render(state.slowConsumers);
    this.#limits.render(state.limits);
    this.#pod.render([
      { label: 'Version', value: state.version },
      { label: 'Up', value: formatAge(state.uptime) },
      { label: 'Its clock', value: formatTime(state.now) },
      {
        label: 'Drain',
        value: `settles for ${formatAge(state.drain.settle)}, then moves its clients within ${formatAge(state.drain.window)}`,
      },
      { label: 'Configuration', value: state.configuration },
    ]);
  }
}

function section(title: string, ...children: readonly HTMLElement[]): HTMLElement {
  return element('section', {}, element('h2', {}, title), ...children);
}

function numbersOf({ clients, users, channels, subscriptions, totals }: PodState) {
  return [
    { label: 'Clients', value: formatCount(clients) },
    { label: 'Users', value: formatCount(users) },
    { label: 'Channels', value: formatCount(channels) },
    { label: 'Subscriptions', value: formatCount(subscriptions) },
    { label: 'Closed as slow', value: formatCount(totals.slowConsumers) },
    { label: 'Gaps', value: formatCount(totals.gaps) },
    { label: 'Conflated', value: formatCount(totals.conflated) },
  ];
}
