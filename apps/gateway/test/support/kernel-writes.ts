import type { Server, Socket } from 'node:net';

/** One write or writev call to the kernel. */
export interface KernelWrite {
  readonly socket: Socket;
  /** The buffer that was written; absent for another kind of write. */
  readonly chunk?: Buffer;
}

/** The methods of a libuv stream; each call attempts one write to the kernel at once. */
const METHODS = ['writeBuffer', 'writev', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString'] as const;

type Handle = Record<(typeof METHODS)[number], (request: object, chunk: unknown, ...rest: unknown[]) => number>;

/** Records the writes of a server to connections that it accepts from now on. */
export function kernelWrites(server: Server): KernelWrite[] {
  const writes: KernelWrite[] = [];
  server.on('connection', (socket: Socket & { _handle: Handle }) => {
    const { _handle: handle } = socket;
    for (const name of METHODS) {
      const write = handle[name].bind(handle);
      handle[name] = (request, chunk, ...rest) => {
        writes.push(name === 'writeBuffer' ? { socket, chunk: chunk as Buffer } : { socket });
        return write(request, chunk, ...rest);
      };
    }
  });
  return writes;
}
