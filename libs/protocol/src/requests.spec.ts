import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { RequestEvent } from './events.js';
import { describeIssue, EVENTS_WITH_ID, MAX_TOKEN_LENGTH, requestSchemas } from './requests.js';

const EVENTS = Object.keys(requestSchemas) as RequestEvent[];

function check(event: RequestEvent, data: unknown): unknown {
  const result: z.ZodSafeParseResult<unknown> = requestSchemas[event].safeParse(data);
  return result.success ? 'valid' : describeIssue(result.error);
}

const since = { epoch: 'e', offset: 0 };

describe('the data of a request', () => {
  it.each<[RequestEvent, unknown]>([
    ['connect', { token: 't' }],
    ['connect', { token: 'x'.repeat(MAX_TOKEN_LENGTH), session: 's' }],
    ['subscribe', { channel: 'chat:lobby' }],
    ['subscribe', { channel: '@me', since }],
    ['subscribe', { channel: 'x', last: 1 }],
    ['subscribe', { channel: 'x', last: 1_000, presence: true, token: 't' }],
    ['unsubscribe', { channel: 'x' }],
    ['publish', { channel: 'x', data: null }],
    ['publish', { channel: 'x', data: false, key: 'x'.repeat(64) }],
    ['presence', { channel: 'x' }],
    ['history', { channel: 'x' }],
    ['history', { channel: 'x', since, limit: 1_000, reverse: true }],
    ['refresh', { token: 't' }],
    ['ping', undefined],
    ['ping', null],
    ['ping', {}],
  ])('of %s may be %j', (event, data) => {
    expect(check(event, data)).toBe('valid');
  });

  it.each<[RequestEvent, unknown, string]>([
    ['connect', {}, 'token: '],
    ['connect', { token: '' }, 'token: '],
    ['connect', { token: 'x'.repeat(MAX_TOKEN_LENGTH + 1) }, 'token: '],
    ['connect', { token: 't', session: 'x'.repeat(65) }, 'session: '],
    ['subscribe', { channel: 'x', since, last: 1 }, 'expected "since" or "last", not both'],
    ['subscribe', { channel: 'x', since: { epoch: 'e' } }, 'since.offset: '],
    ['subscribe', { channel: 'x', since: { epoch: '', offset: 0 } }, 'since.epoch: '],
    ['subscribe', { channel: 'x', since: { epoch: 'e', offset: -1 } }, 'since.offset: '],
    ['subscribe', { channel: 'x', since: { epoch: 'e', offset: 2 ** 53 } }, 'since.offset: '],
    ['subscribe', { channel: 'x', last: 0 }, 'last: '],
    ['subscribe', { channel: 'x', last: 1_001 }, 'last: '],
    ['subscribe', { channel: 'x', presence: 'yes' }, 'presence: '],
    ['publish', { channel: 'x' }, 'data: required'],
    ['publish', { channel: 'x', data: 1, key: 'x'.repeat(65) }, 'key: '],
    ['history', { channel: 'x', limit: -1 }, 'limit: '],
    ['history', { channel: 'x', limit: 1e9 }, 'limit: '],
    ['unsubscribe', { channel: 'x', chanel: 'y' }, 'Unrecognized key: "chanel"'],
    ['ping', { data: 1 }, ''],
  ])('of %s may not be %j: the first issue is named', (event, data, detail) => {
    expect(check(event, data)).toEqual({ code: 'invalid', detail: expect.stringContaining(detail) });
  });

  it('has a separate code for an invalid channel name', () => {
    for (const event of ['subscribe', 'unsubscribe', 'publish', 'presence', 'history'] as const) {
      const data = event === 'publish' ? { channel: 'a b', data: 1 } : { channel: 'a b' };
      expect(check(event, data)).toEqual({ code: 'invalid_channel', detail: 'channel' });
    }
  });

  it('is valid or refused with a reason, which never contains a value', () => {
    const secret = 'zq-a-value-zq';
    const value = fc.oneof(fc.constant(secret), fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined));
    const data = fc.oneof(
      fc.dictionary(fc.constantFrom('channel', 'data', 'key', 'since', 'last', 'limit', 'token', '__proto__'), value),
      value,
    );
    fc.assert(
      fc.property(fc.constantFrom(...EVENTS), data, (event, one) => {
        const result = check(event, one);
        if (result === 'valid') return;
        expect(result).toEqual({ code: expect.stringMatching(/^invalid/), detail: expect.any(String) });
        expect(JSON.stringify(result)).not.toContain(secret);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('requests that are useless without a reply require an id', () => {
  expect([...EVENTS_WITH_ID].toSorted((a, b) => a.localeCompare(b))).toEqual([
    'connect',
    'history',
    'presence',
    'refresh',
    'subscribe',
  ]);
});
