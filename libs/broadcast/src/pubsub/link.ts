import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailableError } from '../log/log-adapter.js';
import { unavailable } from './errors.js';
import type { PubsubLibrary } from './library.js';
import { Session } from './session.js';
import type { PubsubSettings } from './url.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

export interface LinkEvents {
  /** What a session asks to find out whether the server is there. */
  probe(session: Session): Promise<unknown>;
  /** @param session another one than before. */
  onUp(session: Session): void;
  /** @param problem names no secret. */
  onDown(problem: LogUnavailableError): void;
}

/** Keeps a session open: replaces it if the server does not answer, after a pause that grows to 1 s, or if there is another key. */
export class Link {
  readonly #settings: PubsubSettings;
  readonly #events: LinkEvents;
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #running: Promise<void> | undefined;

  /** @param settings the key is read for each session. */
  constructor(settings: PubsubSettings, events: LinkEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  /** Undefined while the server cannot be reached. */
  get session(): Session | undefined {
    return this.#session;
  }

  start(library: PubsubLibrary): void {
    this.#running ??= this.#run(library);
  }

  /** Replaces the session. */
  reset(problem: LogUnavailableError): void {
    this.#session?.end(problem);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#session?.end(new LogUnavailableError('closed'));
    await this.#running;
  }

  async #run(library: PubsubLibrary): Promise<void> {
    const { signal } = this.#stop;
    for (let pause = FIRST_PAUSE; !signal.aborted;) {
      const session = new Session(library, this.#settings);
      session.probe = async () => this.#events.probe(session);
      try {
        await session.reach();
        pause = FIRST_PAUSE;
        if (await this.#use(session)) continue;
      } catch (error) {
        this.#down(unavailable(error));
      }
      // Not awaited: a connection that is dead does not close in time.
      session.close().catch(() => undefined);
      // Jitter: many pods lose the server at the same time.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** @returns whether another session follows at once. */
  async #use(session: Session): Promise<boolean> {
    if (this.#stop.signal.aborted) return false;
    const former = this.#session;
    this.#session = session;
    this.#events.onUp(session);
    former?.close().catch(() => undefined);
    const reason = await session.ended;
    if (reason === 'rotated') return true;
    this.#session = undefined;
    this.#down(reason);
    return false;
  }

  #down(problem: LogUnavailableError): void {
    const former = this.#session;
    this.#session = undefined;
    // The reader of the session ends first.
    if (!this.#stop.signal.aborted) this.#events.onDown(problem);
    former?.close().catch(() => undefined);
  }
}
