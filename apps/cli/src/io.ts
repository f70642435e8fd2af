import type { Readable, Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';

/** A stream that may be a terminal. */
export type OutputStream = Writable & Partial<Pick<WriteStream, 'hasColors' | 'columns'>>;

/** Everything that the command uses of its process. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: NodeJS.ProcessEnv;
  /** Resolves when the user interrupts the command (Ctrl-C). Until this is called, an interrupt ends the process. */
  readonly interrupted: () => Promise<void>;
}
