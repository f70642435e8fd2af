import { element } from '@holdfast/page/dom';
import { RefusedError, type AdminApi } from '../api/admin-api.js';
import type { PodConnection, Publication } from '../api/answers.js';
import { formatCount, formatRate, formatTime } from '../model/format.js';
import { Facts } from './facts.js';
import { CONNECTION_COLUMNS } from './lists.js';
import { Table } from './table.js';
import type { View } from './view.js';

/** How many of the latest messages are shown. */
const MESSAGES = 20;
/** How many of the subscribers are shown. */
const SUBSCRIBERS = 25;
/** How much of a message is shown, in characters. */
const MAX_TEXT = 1_000;

/** One channel: its position, its latest messages, and who is subscribed on this pod. */
export class ChannelView implements View {
  readonly title: string;
  readonly element: HTMLElement;
  readonly #channel: string;
  readonly #facts = new Facts('facts');
  readonly #messages = new Table<Publication>({
    caption: 'Latest messages',
    key: ({ offset }) => String(offset),
    empty: 'The channel has no history.',
    columns: [
      { label: 'Offset', text: ({ offset }) => formatCount(offset), kind: 'number' },
      { label: 'Time', text: ({ time }) => formatTime(time) },
      {
        label: 'Sender',
        text: ({ sender }) => (sender === undefined ? 'backend' : (sender.user ?? '(anonymous)')),
        route: ({ sender }) => (sender?.user === undefined ? undefined : { view: 'user', name: sender.user }),
      },
      { label: 'Message', text: ({ data }) => textOf(data), kind: 'code' },
    ],
  });
  readonly #subscribers = new Table<PodConnection>({
    caption: 'Subscribers on this pod',
    key: ({ id }) => id,
    empty: 'Nobody on this pod is subscribed.',
    columns: CONNECTION_COLUMNS,
  });

  constructor(channel: string) {
    this.#channel = channel;
    this.title = `Channel ${channel}`;
    this.element = element(
      'div',
      { class: 'sections' },
      this.#facts.element,
      element('section', {}, element('h2', {}, 'Latest messages'), this.#messages.element),
      element('section', {}, element('h2', {}, 'Subscribers on this pod'), this.#subscribers.element),
    );
  }

  async refresh(api: AdminApi): Promise<void> {
    const channel = this.#channel;
    const [history, here, subscribers] = await Promise.all([
      historyOf(api, channel),
      // The first name with a prefix is the prefix itself.
      api.channels({ prefix: channel, after: undefined, limit: 1 }),
      api.connections({ channel, after: undefined, limit: SUBSCRIBERS }),
    ]);
    const entry = here.entries.find((one) => one.channel === channel);
    const position = history ?? entry;
    this.#facts.render([
      { label: 'Subscribers here', value: formatCount(entry?.subscribers ?? 0) },
      { label: 'Messages', value: entry === undefined ? 'unknown' : formatRate(entry.rate) },
      { label: 'Offset', value: position === undefined ? 'unknown' : formatCount(position.offset) },
      { label: 'Epoch', value: position?.epoch ?? 'unknown' },
      {
        label: 'History',
        value: history === undefined ? 'off' : entry?.history === undefined ? 'unknown' : formatCount(entry.history),
      },
    ]);
    this.#messages.render(history?.publications ?? []);
    this.#subscribers.render(subscribers.entries);
  }
}

/** Undefined if the channel's namespace keeps none. */
async function historyOf(api: AdminApi, channel: string) {
  try {
    return await api.history(channel, MESSAGES);
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'history_disabled') return undefined;
    throw error;
  }
}

function textOf(data: unknown): string {
  const text = JSON.stringify(data);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
}
