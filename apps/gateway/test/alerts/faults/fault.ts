import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from '../load.ts';
import type { Installation, Release } from '../release.ts';

/** A fault, and the alerts that it has to cause. */
export interface Fault {
  /** The namespace of its release. */
  readonly name: string;
  /** The broker, for the table. */
  readonly broker: string;
  /** What happens, for the table. */
  readonly what: string;
  /** Exactly these alerts fire. A burn alert has its pace: `HoldfastGapBudgetBurn fast`. */
  readonly fires: readonly string[];
  /** Starts the servers. @param defer takes what ends them. */
  readonly prepare: (defer: (close: () => Promise<unknown>) => void, release: Release) => Promise<Prepared>;
}

export interface Prepared extends Installation {
  readonly load?: LoadOptions;
  /** Begins the fault. */
  begin(release: Release): Promise<unknown>;
  /** Ends it: the alerts resolve some time later. */
  end(release: Release): Promise<unknown>;
}

/** An action that is repeated until it is stopped. */
export class Repeated {
  readonly #over = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** @param pause ms between two times. */
  start(pause: number, action: () => Promise<unknown>): void {
    this.#running = (async () => {
      while (!this.#over.signal.aborted) {
        await action();
        await sleep(pause, undefined, { signal: this.#over.signal }).catch(() => undefined);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }
}
