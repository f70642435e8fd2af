import { styleText } from 'node:util';
import type { Io, OutputStream } from './io.js';
import { printable } from './printable.js';

type Format = Parameters<typeof styleText>[0];

/** The command's output: results on stdout, everything else on stderr. */
export class Terminal {
  /** Resolves when stdout has no reader any more. */
  readonly outputClosed: Promise<void>;

  readonly #io: Io;
  #outputError: NodeJS.ErrnoException | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.outputClosed = new Promise((resolve) => {
      io.stdout.on('error', (error) => {
        this.#outputError ??= error;
        resolve();
      });
    });
    // An error of stderr cannot be reported anywhere.
    io.stderr.on('error', () => {});
  }

  /** The error of stdout. A closed pipe (EPIPE) is not an error, as in `holdfast tail … | head`. */
  get outputError(): NodeJS.ErrnoException | undefined {
    return this.#outputError?.code === 'EPIPE' ? undefined : this.#outputError;
  }

  /** Whether stdout has no reader any more. */
  get isOutputClosed(): boolean {
    return this.#outputError !== undefined;
  }

  /** Whether stdout is a terminal. */
  get isTerminal(): boolean {
    // Only terminals have the method.
    return this.#io.stdout.hasColors !== undefined;
  }

  print(line: string): void {
    this.#io.stdout.write(`${line}\n`);
  }

  /** Prints progress. */
  notice(text: string, format: Format = 'dim'): void {
    this.#log(text, format);
  }

  error(text: string): void {
    this.#log(text, 'red');
  }

  /** Text for stdout, coloured if that is a terminal with colours and NO_COLOR is not set. */
  style(format: Format, text: string): string {
    return this.#style(this.#io.stdout, format, text);
  }

  /** Resolves when all output has been written, or cannot be. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => this.#io.stdout.write('', () => resolve()));
  }

  #log(text: string, format: Format): void {
    this.#io.stderr.write(`${this.#style(this.#io.stderr, format, `holdfast: ${printable(text)}`)}\n`);
  }

  #style(stream: OutputStream, format: Format, text: string): string {
    return this.hasColors(stream) ? styleText(format, text, { validateStream: false }) : text;
  }

  hasColors(stream: OutputStream): boolean {
    // Only terminals have the method; it respects NO_COLOR, FORCE_COLOR and TERM.
    return stream.hasColors?.(this.#io.env) ?? false;
  }
}
