import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, vi } from 'vitest';

/** A client in a process of its own, and what it reported, one line each. */
export class Application {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  /**
   * @param node the path of its Node.
   * @param script has `Holdfast`, `options` (with a WebSocket, if this Node has none), and `report(...texts)`.
   */
  constructor(node: string, library: string, script: string) {
    const code = `
      import { createRequire } from 'node:module';
      const { Holdfast } = await import(${JSON.stringify(library)});
      const options = globalThis.WebSocket ? {} : { WebSocket: createRequire(${JSON.stringify(import.meta.url)})('ws') };
      const report = (...texts) => console.log(texts.join(' '));
      ${script}`;
    this.#child = spawn(node, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  async reports(line: string, timeout = 20_000): Promise<void> {
    await vi.waitFor(() => expect(this.lines).toContain(line), { timeout, interval: 20 });
  }

  /** The machine stops this process for a while. */
  async stopFor(ms: number): Promise<void> {
    this.#child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#child.kill('SIGCONT');
  }

  /** Waits for its end. @returns the exit code. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }
}
