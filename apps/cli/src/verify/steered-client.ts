import { Holdfast, type Welcome } from '@holdfast/client';
import { WebSocket, type RawData } from 'ws';
import { refusal } from '../refusal.js';
import { formatAddress } from './address.js';
import type { Deadline } from './deadline.js';
import { optionsFor, type Destination } from './destination.js';

/** Short delays, because the pod to reconnect to is available. */
const BACKOFF = { base: 50, max: 500 };

interface Frame {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The client library on connections that a check directs to a pod, and cuts like a network failure. */
export class SteeredClient {
  readonly holdfast: Holdfast;
  /** The destination of the next connection; without one, attempts fail. */
  destination: Destination | undefined;
  /** Called with each frame before the library handles it, and the number of its connection. */
  onFrame: (frame: Frame, connection: number) => void = () => {};

  #socket: WebSocket | undefined;
  #connections = 0;
  #latestError: string | undefined;

  constructor(destination: Destination, token: string | undefined) {
    this.destination = destination;
    const aim = () => this.#aim();
    const opened = (socket: WebSocket) => this.#opened(socket);
    class SteeredSocket extends WebSocket {
      constructor(_url: string, protocols: string[]) {
        const aimed = aim();
        super(aimed.url, protocols, optionsFor(aimed));
        opened(this);
      }
    }
    this.holdfast = new Holdfast(destination.url, { token, backoff: BACKOFF, WebSocket: SteeredSocket });
    this.holdfast.on('error', ({ message }) => (this.#latestError = message));
    // The checks report what they find; without a listener the library would warn.
    this.holdfast.on('state', () => {});
  }

  /** Waits for the gateway's welcome. @throws Failure */
  async connected(deadline: Deadline): Promise<Welcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Welcome>();
    const stop = this.holdfast.on('state', ({ state, welcome, reason }) => {
      if (welcome !== undefined) resolve(welcome);
      else if (state === 'closed') reject(refusal(`${this.#place} refused the connection`, reason ?? CLOSED));
    });
    if (this.holdfast.welcome !== undefined) resolve(this.holdfast.welcome);
    try {
      return await deadline.within(promise, () => `no connection to ${this.#place}${because(this.#latestError)}`);
    } finally {
      stop();
    }
  }

  /** Cuts the connection without a close frame. It does not reconnect until `destination` is set again. */
  async cut(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = this.holdfast.on('state', () => resolve());
    this.destination = undefined;
    this.#socket?.terminate();
    await promise;
    stop();
  }

  close(): Promise<void> {
    return this.holdfast.close();
  }

  get #place(): string {
    return this.destination === undefined ? 'the gateway' : formatAddress(this.destination.address);
  }

  #aim(): Destination {
    if (this.destination === undefined) throw new Error('held back by the check');
    return this.destination;
  }

  #opened(socket: WebSocket): void {
    const connection = this.#connections;
    this.#connections += 1;
    this.#socket = socket;
    socket.on('error', ({ message }) => (this.#latestError = message));
    socket.on('message', (data: RawData) => this.onFrame(JSON.parse((data as Buffer).toString()) as Frame, connection));
  }
}

const CLOSED = { code: 'closed', message: 'closed' };

function because(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}
