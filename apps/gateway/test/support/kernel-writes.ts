import type { Server, Socket } from 'node:net';

/** One call of the kernel's write or writev. */
export interface KernelWrite {
  readonly socket: Socket;
  /** The very buffer that was written; absent if it was another kind of write. */
  readonly chunk?: Buffer;
}

/** What libuv offers a stream of Node; each call tries one write to the kernel at once. */
const METHODS = ['writeBuffer', 'writev', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString'] as const;

type Handle = Record<(typeof METHODS)[number], (request: object, chunk: unknown, ...rest: unknown[]) => number>;

/** Counts the writes of a server to the connections that it takes from now on. */
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
