import { InvalidArgumentError } from 'commander';
import type { Position } from '@holdfast/client';

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `5m`, `1h` or `7d`, in ms; greater than 0. */
export function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+)([a-z]+)$/.exec(text) ?? [];
  const ms = Number(amount) * (MS_PER_UNIT[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(ms) || ms === 0)
    throw new InvalidArgumentError('Expected a duration such as 500ms, 30s, 5m, 1h or 7d.');
  return ms;
}

/** A whole number from 1 to `max`. */
export function parseCount(max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const count = /^\d+$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${max}`;
      throw new InvalidArgumentError(`Expected a whole number ${range}.`);
    }
    return count;
  };
}

/** `EPOCH:OFFSET`. */
export function parsePosition(text: string): Position {
  const [, epoch, offset] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (epoch === undefined || !Number.isSafeInteger(Number(offset))) {
    throw new InvalidArgumentError('Expected EPOCH:OFFSET.');
  }
  return { epoch, offset: Number(offset) };
}

export function formatPosition({ epoch, offset }: Position): string {
  return `${epoch}:${offset}`;
}

/** A text of 1 to `max` characters. */
export function parseLength(max: number) {
  return (text: string): string => {
    if (text === '' || text.length > max) throw new InvalidArgumentError(`Expected 1 to ${max} characters.`);
    return text;
  };
}

/** A trace context (https://www.w3.org/TR/trace-context/#traceparent-header). */
export function parseTraceparent(text: string): string {
  if (!/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(text))
    throw new InvalidArgumentError(
      'Expected a context such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.',
    );
  return text;
}
