import type { ConnectionStatus } from '../chat.js';
import { byId, setText } from '@holdfast/page/dom';

type ShownState = ConnectionStatus['state'] | 'offline';

const LABELS: Record<ShownState, string> = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  disconnected: 'Disconnected',
  offline: 'Offline',
  closed: 'Disconnected',
};

/**
 * The connection's state, and the pod beside it. Only the state is a live region, because a move to another pod should not
 * interrupt anybody.
 */
export class ConnectionView {
  readonly #root = byId('connection', HTMLElement);
  readonly #label = byId('connection-label', HTMLElement);
  readonly #node = byId('connection-node', HTMLElement);
  readonly #waiting = byId('waiting-hint', HTMLElement);
  readonly #closed = byId('closed-hint', HTMLElement);

  constructor(reconnect: () => void) {
    byId('reconnect', HTMLButtonElement).addEventListener('click', reconnect);
  }

  render({ state, node }: ConnectionStatus, online: boolean): void {
    const shown: ShownState = !online && state !== 'closed' && state !== 'connected' ? 'offline' : state;
    this.#root.dataset['state'] = shown;
    this.#root.dataset['node'] = node ?? '';
    this.#root.title = node === undefined ? '' : `Pod: ${node}`;
    setText(this.#label, LABELS[shown]);
    setText(this.#node, shown === 'connected' && node !== undefined ? ` to ${node}` : '');
    this.#waiting.hidden = shown !== 'reconnecting' && shown !== 'offline';
    this.#closed.hidden = shown !== 'closed';
  }
}
