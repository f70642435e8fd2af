import { setTimeout as sleep } from 'node:timers/promises';
import { abandon, connectTo, type Session } from './connection.js';
import { messageOf } from './errors.js';
import type { NatsLibrary } from './library.js';
import type { NatsSettings } from './url.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

export interface LinkEvents {
  onUp(): void;
  /** @param reason names no secret. */
  onDown(reason: string): void;
}

/** Keeps one connection open: connects to the next server if it is lost, after a pause that grows to 1 s. */
export class Link {
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #running: Promise<void> | undefined;

  /** @param settings credentials and TLS are read for each attempt. */
  constructor(
    private readonly settings: NatsSettings,
    private readonly name: string,
    private readonly events: LinkEvents,
  ) {}

  /** Undefined while there is no connection. */
  get session(): Session | undefined {
    return this.#session;
  }

  start(library: NatsLibrary): void {
    this.#running ??= this.#run(library);
  }

  /** Closes the connection and opens another one. */
  reset(reason: string): void {
    if (this.#session !== undefined) abandon(this.#session, reason).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#session !== undefined) await abandon(this.#session, 'closed');
    await this.#running;
  }

  async #run(library: NatsLibrary): Promise<void> {
    const { signal } = this.#stop;
    const { addresses } = this.settings;
    // Pods spread over the servers.
    let next = Math.floor(Math.random() * addresses.length);
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      const address = addresses[next % addresses.length];
      next += 1;
      if (address === undefined) return;
      try {
        const { credentials, tls } = this.settings;
        const session = await connectTo(library, address, { credentials, tls, name: this.name }, signal);
        pause = FIRST_PAUSE;
        await this.#use(session);
      } catch (error) {
        if (!signal.aborted) this.events.onDown(`${address.host}:${address.port}: ${messageOf(error)}`);
      }
      // Jitter: many pods lose their connections at the same time.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  async #use(session: Session): Promise<void> {
    this.#session = session;
    this.events.onUp();
    const error = await session.connection.closed();
    this.#session = undefined;
    const reason = session.reason ?? (error === undefined ? 'the connection was lost' : messageOf(error));
    if (!this.#stop.signal.aborted) this.events.onDown(reason);
  }
}
