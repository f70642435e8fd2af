import type { Duplex } from 'node:stream';
import * as dataHandlerModule from 'ioredis/built/DataHandler.js';
import * as decoderModule from 'ioredis/built/resp/decoder.js';

/**
 * ioredis rethrows errors behind its parser with `process.nextTick`, where they cannot be caught: a null without a command, or a
 * push without a name, would end the process. This turns them into what an unreadable byte is already: a fatal error of that
 * connection, which emits `error` and ends.
 */
interface Internals {
  dispatch(work: () => void): void;
  returnFatalError(error: Error): void;
}

/** Longer lengths of an array, set, map or push, from 10 million on, are refused: the parser would allocate all of it at once. */
const MAX_LENGTH_DIGITS = 7;
const AGGREGATES = Array.from(Buffer.from('*~%>'));
const [CR, LF, ZERO, NINE] = [13, 10, 48, 57];

interface Decoding {
  /** Called once for each reply. */
  getTypeMapping: () => unknown;
  write: (this: Decoding, chunk: Buffer) => void;
}

const { prototype } = constructorOf(dataHandlerModule);
prototype.dispatch = function dispatch(this: Internals, work: () => void): void {
  try {
    work();
  } catch (error) {
    this.returnFatalError(error instanceof Error ? error : new Error('the parser failed'));
  }
};

const decoder = ((decoderModule as { default?: unknown }).default ?? decoderModule) as {
  readonly Decoder: { readonly prototype: Decoding };
};
const decoding = decoder.Decoder.prototype;
const { write } = decoding;
/**
 * A length with a character below `0` in it is negative for ioredis, which then goes back and decodes the same bytes again, in the
 * worst case for ever. No reply is shorter than one byte.
 */
decoding.write = function writeOnce(this: Decoding, chunk: Buffer): void {
  const { getTypeMapping } = this;
  let replies = 0;
  this.getTypeMapping = () => {
    replies += 1;
    if (replies > chunk.length + 1) throw new Error('a length is not a number');
    return getTypeMapping();
  };
  try {
    write.call(this, chunk);
  } finally {
    this.getTypeMapping = getTypeMapping;
  }
};

/**
 * Ends a connection whose server announces an absurdly long answer, before ioredis sees it.
 *
 * @param stream of a connected client.
 */
export function guardStream(stream: Duplex): void {
  const parse = stream.listeners('data')[0] as ((data: Buffer) => void) | undefined;
  if (parse === undefined) return;
  stream.removeListener('data', parse);
  // ioredis only listens for the first error.
  stream.on('error', () => undefined);
  stream.prependListener('data', (data: Buffer) => {
    if (announcesTooMuch(data)) stream.destroy(new Error('an answer is too long'));
    else if (!stream.destroyed) parse(data);
  });
}

/** Nothing that Holdfast stores or sends contains a line break, so a length at the start of a line is really a length. */
export function announcesTooMuch(data: Buffer): boolean {
  return AGGREGATES.some((type) => {
    for (let at = data.indexOf(type); at !== -1; at = data.indexOf(type, at + 1)) {
      if (at > 0 && data[at - 1] !== LF) continue;
      let end = at + 1;
      while (isDigit(data[end])) end += 1;
      if (end - at - 1 > MAX_LENGTH_DIGITS && data[end] === CR) return true;
    }
    return false;
  });
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** CommonJS interop: depending on the loader, the class is the default of the module or of its default. */
function constructorOf(loaded: unknown): { prototype: Internals } {
  const inner = (loaded as { default: unknown }).default;
  return (typeof inner === 'function' ? inner : (inner as { default: unknown }).default) as { prototype: Internals };
}
