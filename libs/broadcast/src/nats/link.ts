import { setTimeout as sleep } from 'node:timers/promises';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import { abandon, connectionProblem, connectTo, type Session } from './connection.js';
import { messageOf } from './errors.js';
import type { NatsLibrary } from './library.js';
import type { NatsSettings } from './url.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

export interface LinkEvents {
  onUp(): void;
  /** @param problem names no secret. */
  onDown(problem: LogUnavailableError): void;
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
        if (!signal.aborted) this.events.onDown(problemAt(address, error));
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
    if (this.#stop.signal.aborted) return;
    const isExplained = session.reason === undefined && error !== undefined;
    const { reason = 'the connection was lost' } = session;
    this.events.onDown(isExplained ? connectionProblem(error) : new LogUnavailableError(reason));
  }
}

/** The same problem, with the server that has it. */
function problemAt({ host, port }: NatsSettings['addresses'][number], error: unknown): LogUnavailableError {
  const Problem = error instanceof LogRefusedError ? LogRefusedError : LogUnavailableError;
  return new Problem(`${host}:${port}: ${messageOf(error)}`, { cause: error });
}
