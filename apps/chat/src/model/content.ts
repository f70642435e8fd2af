import type { Json } from '@holdfast/client';
import { isRecord, isString } from './store.js';

/** Longest text that may be sent, in characters (UTF-16 code units, as a textarea counts them). */
export const MAX_TEXT_LENGTH = 2_000;

/** Other clients may allow themselves longer names than this page does. */
const LONGEST_SHOWN_NAME = 64;

/** What the page publishes, and what it shows of others' publications. */
export interface Content {
  readonly text: string;
  /** What the author calls themselves; absent where another kind of client published. */
  readonly name?: string;
}

/** Reads any publication: the page's own form, a bare string (a terminal), or whatever else a backend sent, as JSON. */
export function readContent(data: Json): Content {
  if (typeof data === 'string') return { text: data };
  if (isRecord(data) && isString(data['text'])) {
    const name = displayName(data['name']);
    return { text: data['text'], ...(name === undefined ? {} : { name }) };
  }
  return { text: JSON.stringify(data, null, 2) };
}

/** A name that somebody else chose, bounded; undefined where it is none. */
export function displayName(name: unknown): string | undefined {
  const trimmed = typeof name === 'string' ? name.trim().slice(0, LONGEST_SHOWN_NAME) : '';
  return trimmed === '' ? undefined : trimmed;
}

/** What is sent of a typed line: the end of it is trimmed; undefined where nothing is left or it is too long. */
export function sendableText(typed: string): string | undefined {
  const text = typed.trimEnd().replace(/^(?:[^\S\n]*\n)+/, '');
  return text.trim() === '' || text.length > MAX_TEXT_LENGTH ? undefined : text;
}
