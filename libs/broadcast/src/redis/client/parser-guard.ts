import type { Duplex } from 'node:stream';
import * as dataHandlerModule from 'ioredis/built/DataHandler.js';

/**
 * ioredis rethrows what goes wrong behind its parser with `process.nextTick`, where nobody can catch it: a null that answers
 * no command, or a push without a name, would end the process. Here it is what an unreadable byte is already: a fatal
 * error of that connection, which emits `error` and ends.
 */
interface Internals {
  dispatch(work: () => void): void;
  returnFatalError(error: Error): void;
}

/** An array, set, map or push with this many digits of members, 10 million or more: the parser would allocate all at once. */
const MAX_LENGTH_DIGITS = 7;
const AGGREGATES = Array.from(Buffer.from('*~%>'));
const [CR, LF, ZERO, NINE] = [13, 10, 48, 57];

const { prototype } = constructorOf(dataHandlerModule);
prototype.dispatch = function dispatch(this: Internals, work: () => void): void {
  try {
    work();
  } catch (error) {
    this.returnFatalError(error instanceof Error ? error : new Error('the parser failed'));
  }
};

/**
 * Ends a connection whose server announces an absurdly long answer, before ioredis sees it.
 *
 * @param stream of a client that is connected.
 */
export function guardStream(stream: Duplex): void {
  const parse = stream.listeners('data')[0] as ((data: Buffer) => void) | undefined;
  if (parse === undefined) return;
  stream.removeListener('data', parse);
  // ioredis listens for the first error only.
  stream.on('error', () => undefined);
  stream.prependListener('data', (data: Buffer) => {
    if (announcesTooMuch(data)) stream.destroy(new Error('an answer is too long'));
    else if (!stream.destroyed) parse(data);
  });
}

/** Nothing that Holdfast stores or sends holds a line break, so that a length at the start of a line is one. */
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

/** CommonJS seen from here: depending on who loads it, the class is the default of the module or of its default. */
function constructorOf(loaded: unknown): { prototype: Internals } {
  const inner = (loaded as { default: unknown }).default;
  return (typeof inner === 'function' ? inner : (inner as { default: unknown }).default) as { prototype: Internals };
}
