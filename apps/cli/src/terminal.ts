import { styleText } from 'node:util';
import type { Io, OutputStream } from './io.js';
import { printable } from './printable.js';

type Format = Parameters<typeof styleText>[0];

/** What the command prints: results on stdout, everything else on stderr. */
export class Terminal {
  /** Resolves when nobody reads stdout any more. */
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
    // There is nowhere left to tell of it.
    io.stderr.on('error', () => {});
  }

  /** Why stdout could not be written; that its reader left (EPIPE) is no error, as in `holdfast tail … | head`. */
  get outputError(): NodeJS.ErrnoException | undefined {
    return this.#outputError?.code === 'EPIPE' ? undefined : this.#outputError;
  }

  /** Whether nobody reads stdout any more. */
  get isOutputClosed(): boolean {
    return this.#outputError !== undefined;
  }

  print(line: string): void {
    this.#io.stdout.write(`${line}\n`);
  }

  /** What happens meanwhile. */
  notice(text: string, format: Format = 'dim'): void {
    this.#tell(text, format);
  }

  error(text: string): void {
    this.#tell(text, 'red');
  }

  /** Text for stdout, coloured where that is a terminal with colours, and NO_COLOR is not set. */
  style(format: Format, text: string): string {
    return this.#style(this.#io.stdout, format, text);
  }

  /** Resolves when all that was printed is written, or cannot be. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => this.#io.stdout.write('', () => resolve()));
  }

  #tell(text: string, format: Format): void {
    this.#io.stderr.write(`${this.#style(this.#io.stderr, format, `holdfast: ${printable(text)}`)}\n`);
  }

  #style(stream: OutputStream, format: Format, text: string): string {
    return this.hasColors(stream) ? styleText(format, text, { validateStream: false }) : text;
  }

  hasColors(stream: OutputStream): boolean {
    // Only terminals have the method; it knows NO_COLOR, FORCE_COLOR and TERM.
    return stream.hasColors?.(this.#io.env) ?? false;
  }
}
