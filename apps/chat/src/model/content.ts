import type { Json } from '@holdfast/client';
import { isRecord, isString } from './store.js';

/** Longest text that may be sent, in characters (UTF-16 code units, as a textarea counts them). */
export const MAX_TEXT_LENGTH = 2_000;

/** Other clients may allow themselves longer names than this page does. */
const LONGEST_SHOWN_NAME = 64;

/** The content of a message. */
export interface Content {
  readonly text: string;
  /** What the author calls themselves; absent if another kind of client published. */
  readonly name?: string;
}

/** Reads any publication: the page's own form, a bare string (from a terminal), or anything else as JSON. */
export function readContent(data: Json): Content {
  if (typeof data === 'string') return { text: data };
  if (isRecord(data) && isString(data['text'])) {
    const name = displayName(data['name']);
    return { text: data['text'], ...(name === undefined ? {} : { name }) };
  }
  return { text: JSON.stringify(data, null, 2) };
}

/** A name from another client, limited in length; undefined if it is not a name. */
export function displayName(name: unknown): string | undefined {
  const trimmed = typeof name === 'string' ? name.trim().slice(0, LONGEST_SHOWN_NAME) : '';
  return trimmed === '' ? undefined : trimmed;
}

/** The part of the typed text to send, trimmed at the end; undefined if nothing is left or it is too long. */
export function sendableText(typed: string): string | undefined {
  const text = typed.trimEnd().replace(/^(?:[^\S\n]*\n)+/, '');
  return text.trim() === '' || text.length > MAX_TEXT_LENGTH ? undefined : text;
}
