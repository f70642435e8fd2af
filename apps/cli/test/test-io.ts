import { Readable, Writable } from 'node:stream';
import { WriteStream } from 'node:tty';
import type { ExitCode } from '../src/failure.js';
import type { Io, OutputStream } from '../src/io.js';
import { run } from '../src/run.js';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string | Uint8Array;
  /** Whether stdout and stderr are terminals. */
  readonly isTerminal?: boolean;
  /** stdout fails with this code. */
  readonly outputError?: string;
}

/** The command, running in this process. */
export class Running {
  readonly exitCode: Promise<ExitCode>;
  stdout = '';
  stderr = '';
  readonly #interrupted = Promise.withResolvers<void>();

  constructor(args: readonly string[], { env = {}, stdin = '', isTerminal = false, outputError }: RunOptions = {}) {
    const stdout = sink((text) => (this.stdout += text), outputError);
    const stderr = sink((text) => (this.stderr += text));
    if (isTerminal) [stdout, stderr].forEach(makeTerminal);
    const io: Io = {
      stdin: Readable.from([Buffer.from(stdin)]),
      stdout,
      stderr,
      env: { TERM: 'xterm-256color', ...env },
      interrupted: () => this.#interrupted.promise,
    };
    this.exitCode = run(args, io);
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#interrupted.resolve();
  }

  get lines(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '');
  }

  get json(): unknown[] {
    return this.lines.map((line) => JSON.parse(line) as unknown);
  }
}

function sink(take: (text: string) => void, errorCode?: string): OutputStream {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (errorCode !== undefined && chunk.length > 0)
        return done(Object.assign(new Error('write'), { code: errorCode }));
      take(chunk.toString());
      done();
    },
  });
}

function makeTerminal(stream: OutputStream): void {
  const terminal = Object.create(WriteStream.prototype) as WriteStream;
  stream.hasColors = (env) => terminal.hasColors(env as object);
}
