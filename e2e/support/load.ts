import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Answer, Command } from '../load/main.js';
import type { RunOptions, RunReport } from '../load/run.js';
import type { Drain } from '../load/verdict.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Clients and publishers in a separate process, so that the suite does not delay them. */
export class Load {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor() {
    this.#process = fork(path('../load/main.ts'), [], {
      execArgv: ['--conditions=source', '--import', path('../../apps/cli/test/run-from-source.js')],
    });
    this.#process.on('message', (answer: Answer) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if ('error' in answer) pending?.reject(new Error(`the load: ${answer.error}`));
      else pending?.resolve(answer.result);
    });
    this.#process.on('exit', (code, signal) => {
      for (const pending of this.#pending.values()) {
        pending.reject(new Error(`the load's process ended: ${signal ?? code}`));
      }
    });
  }

  /** Resolves when every client is subscribed. */
  static async open(options: RunOptions): Promise<Load> {
    const load = new Load();
    try {
      await load.#ask({ do: 'open', options });
    } catch (error) {
      load.kill();
      throw error;
    }
    return load;
  }

  /** Starts the publishers, and the time to be judged. */
  async begin(): Promise<void> {
    await this.#ask({ do: 'begin' });
  }

  /** Pauses or continues the publishers. */
  async rest(resting: boolean): Promise<void> {
    await this.#ask({ do: 'rest', resting });
  }

  /** Resolves when `count` more messages are acknowledged. */
  async goesOn(count: number, timeout = 60_000): Promise<void> {
    const acknowledged = async (): Promise<number> => (await this.#ask({ do: 'acknowledged' })) as number;
    const enough = (await acknowledged()) + count;
    const deadline = Date.now() + timeout;
    while ((await acknowledged()) < enough) {
      if (Date.now() > deadline) throw new Error(`fewer than ${count} messages were acknowledged within ${timeout} ms`);
      await sleep(100);
    }
  }

  /** Stops the publishers. When all clients have received everything, or time is up, the journals are judged. */
  async end(drains: readonly Drain[]): Promise<RunReport> {
    return (await this.#ask({ do: 'end', drains })) as RunReport;
  }

  /** Writes the journals to a file, one JSON line per client. */
  async dump(file: string): Promise<void> {
    await this.#ask({ do: 'dump', path: file });
  }

  async close(): Promise<void> {
    await this.#ask({ do: 'close' });
    this.kill();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #ask(command: Command): Promise<unknown> {
    const id = (this.#lastId += 1);
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    this.#process.send({ id, command }, (error) => {
      if (error) pending.reject(error);
    });
    return pending.promise;
  }
}
