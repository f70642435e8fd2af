import type { Welcome } from '@holdfast/protocol';
import type { CloseReason } from './connection.js';
import { warn, type Log } from './debug.js';
import { Emitter } from './emitter.js';
import type { HoldfastError } from './errors.js';

/**
 * - `disconnected`: by the application, or because nobody is signed in; {@link Holdfast.connect} connects;
 * - `connecting`: never connected so far;
 * - `closed`: permanently, by the application or by the gateway.
 */
export type State = 'disconnected' | 'connecting' | 'connected' | 'reconnecting' | 'closed';

export interface StateChange {
  readonly state: State;
  /** Only with `connected`. */
  readonly welcome?: Welcome;
  /** Why there is no connection; `code` is a WebSocket close code, 1006 if there was none. */
  readonly reason?: CloseReason;
}

/** The client moved to another connection, without an interruption. */
export interface Move {
  /** The name of the previous pod. */
  readonly from: string;
  /** The name of the new pod. */
  readonly to: string;
}

export interface HoldfastEvents {
  /** The state changed, or another attempt to connect failed. */
  state: StateChange;
  moved: Move;
  /** An error after which the client continues, such as of a token callback, or of an attempt to subscribe. */
  error: HoldfastError;
}

/** What a client reports: to the application, to the log, and to the console what would otherwise go unnoticed. */
export class Reports {
  readonly events = new Emitter<HoldfastEvents>();
  readonly #log: Log;
  readonly #warned = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  state(change: StateChange): void {
    const { state, reason } = change;
    this.#log(`${state}${reason ? `: ${reason.message}` : ''}`);
    const isHeard = this.events.emit('state', change);
    if (isHeard || reason === undefined || reason.code === 1000) return;
    if (state === 'closed') this.#warn(state, `the client is closed (${reason.code}): ${reason.message}`);
    else if (state === 'connecting') {
      this.#warn(state, `cannot connect (${reason.code}): ${reason.message}. Is this the URL of a gateway's /ws?`);
    } else if (state === 'disconnected') this.#warn(state, reason.message);
  }

  error(error: HoldfastError): void {
    this.#log(`error ${error.code}: ${error.message}`);
    if (!this.events.emit('error', error)) this.#warn(error.code, `${error.code}: ${error.message}`);
  }

  /** Once per kind. */
  #warn(kind: string, text: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    warn(`${text} (nothing listens to client.on('${kind === 'closed' || kind === 'connecting' ? 'state' : 'error'}'))`);
  }
}
