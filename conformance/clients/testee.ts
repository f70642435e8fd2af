import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Json } from '@holdfast/protocol';

/** What an application with the library under test receives; described in docs/conformance.md. */
export type Event =
  | { readonly event: 'message'; readonly offset: number; readonly data: Json }
  | { readonly event: 'gap' }
  | { readonly event: 'published' }
  | { readonly event: 'failed'; readonly code: string };

const KINDS: ReadonlySet<unknown> = new Set<Event['event']>(['message', 'gap', 'published', 'failed']);

/** The time for a program to end after its input has ended. */
const EXIT_MS = 3_000;

/** A small program around the library under test: reads commands from stdin, and writes what happens to stdout. */
export class Testee {
  readonly events: Event[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #problem: string | undefined;

  constructor(command: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(command, {
      shell: true,
      // In its own process group, because the shell may start several processes.
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.#exited = once(this.#child, 'exit');
    this.#child.stdin?.on('error', () => {});
    const { stdout } = this.#child;
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.#read(line));
  }

  /** Makes the library publish on the channel. */
  publish(data: Json): void {
    this.#child.stdin?.write(`${JSON.stringify({ publish: data })}\n`);
  }

  /** Messages and gaps, in order: the offset of a message, or `gap`. */
  get stream(): (number | 'gap')[] {
    return this.events.flatMap((event): (number | 'gap')[] =>
      event.event === 'message' ? [event.offset] : event.event === 'gap' ? ['gap'] : [],
    );
  }

  /** Ends the program. @throws Error if its output does not comply with docs/conformance.md. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => process.kill(-(this.#child.pid ?? 0), 'SIGKILL'), EXIT_MS);
    await this.#exited;
    clearTimeout(timer);
    if (this.#problem !== undefined) throw new Error(this.#problem);
  }

  #read(line: string): void {
    try {
      const event = JSON.parse(line) as Event;
      if (!KINDS.has(event.event)) throw new Error('unknown event');
      this.events.push(event);
    } catch {
      this.#problem ??= `the testee wrote a line that docs/conformance.md does not describe: ${line.slice(0, 200)}`;
    }
  }
}
