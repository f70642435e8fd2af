import { element } from '@holdfast/page/dom';
import type { AdminApi } from '../api/admin-api.js';
import type { PodState, UserConnection } from '../api/answers.js';
import { formatTime } from '../model/format.js';
import type { Confirmation, Question } from './confirmation.js';
import { Facts } from './facts.js';
import { Table } from './table.js';
import type { View } from './view.js';

const HOUR_MS = 3_600_000;

/** The longest is the longest that the gateway accepts. */
const DURATIONS: readonly { readonly text: string; readonly ms: number }[] = [
  { text: '15 minutes', ms: HOUR_MS / 4 },
  { text: '1 hour', ms: HOUR_MS },
  { text: '1 day', ms: 24 * HOUR_MS },
  { text: '7 days', ms: 7 * 24 * HOUR_MS },
  { text: '30 days', ms: 30 * 24 * HOUR_MS },
];

type Action = (api: AdminApi, state: PodState) => Promise<void>;

interface UserViewOptions {
  readonly confirmation: Confirmation;
  /** Does something to the user, and shows what has become of it. */
  readonly act: (action: Action) => void;
}

/** One user on all pods. */
export class UserView implements View {
  readonly title: string;
  readonly element: HTMLElement;
  readonly #user: string;
  readonly #facts = new Facts('facts');
  readonly #unblock = button('Unblock', 'quiet');
  readonly #table = new Table<UserConnection>({
    caption: 'Connections on all pods',
    key: ({ client, node }) => `${client} ${node}`,
    empty: 'The user is not connected.',
    columns: [
      { label: 'Pod', text: ({ node }) => node },
      { label: 'Since', text: ({ since }) => formatTime(since) },
      { label: 'Client', text: ({ client }) => client, kind: 'code' },
    ],
  });

  constructor(user: string, { confirmation, act }: UserViewOptions) {
    this.#user = user;
    this.title = `User ${user}`;
    const disconnect = button('Disconnect…', 'danger');
    const block = button('Block…', 'danger');
    const duration = element('select', {}, ...DURATIONS.map(({ text }) => element('option', {}, text)));
    const actions = element('div', { class: 'actions' }, disconnect);
    actions.append(element('label', {}, 'Block for', duration), block, this.#unblock);
    const actIfSure = async (question: Question, action: Action): Promise<void> => {
      if (await confirmation.ask(question)) act(action);
    };
    disconnect.addEventListener('click', () => {
      const question = {
        title: `Disconnect ${user}?`,
        text: 'All connections of the user are closed, on all pods. Clients do not reconnect by themselves, but the user may connect again.',
        action: 'Disconnect',
      };
      void actIfSure(question, (api) => api.disconnect(user));
    });
    block.addEventListener('click', () => {
      const { text, ms } = DURATIONS[duration.selectedIndex] ?? { text: '', ms: 0 };
      const question = {
        title: `Block ${user} for ${text}?`,
        text: 'All connections of the user are closed, on all pods, and new ones are refused until then, or until you unblock the user.',
        action: 'Block',
      };
      void actIfSure(question, (api, { broker }) => api.disconnect(user, Math.round(broker.now) + ms));
    });
    this.#unblock.addEventListener('click', () => act((api) => api.unblock(user)));
    this.element = element('div', { class: 'list' }, this.#facts.element, actions, this.#table.element);
  }

  async refresh(api: AdminApi): Promise<void> {
    const { connections, blockedUntil } = await api.user(this.#user);
    this.#facts.render([
      { label: 'Connections', value: String(connections.length) },
      {
        label: 'Blocked',
        value: blockedUntil === undefined ? 'no' : `until ${formatTime(blockedUntil)}`,
        isBad: blockedUntil !== undefined,
      },
    ]);
    this.#unblock.disabled = blockedUntil === undefined;
    this.#table.render(connections);
  }
}

function button(text: string, kind: 'quiet' | 'danger'): HTMLButtonElement {
  return element('button', { class: `button ${kind}`, attributes: { type: 'button' } }, text);
}
