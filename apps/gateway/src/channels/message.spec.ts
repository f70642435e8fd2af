import fc from 'fast-check';
import type { Json } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { decodePublication, encodeMessage, encodePayload, isReadable, traceOf, withTrace } from './message.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What a publisher could send to look like a trace context. */
const lookalike = fc.constantFrom<Json>(
  { traceparent: TRACEPARENT },
  { a: 1, traceparent: TRACEPARENT },
  { a: 1, traceparent: TRACEPARENT.slice(1) },
  [1, { a: 1, traceparent: TRACEPARENT.slice(2) }],
  `,"traceparent":"${TRACEPARENT}"}`,
  `,"traceparent":"${TRACEPARENT}`,
  `\\,"traceparent":"${TRACEPARENT}`,
);
const data = fc.oneof(fc.jsonValue() as fc.Arbitrary<Json>, lookalike);
const text = fc.oneof(
  fc.string(),
  fc.constantFrom(`,"traceparent":"${TRACEPARENT}`, `","traceparent":"${TRACEPARENT}`),
);
const sender = fc.option(fc.record({ client: fc.string(), user: text }, { requiredKeys: ['client'] }), {
  nil: undefined,
});
const key = fc.option(text, { nil: undefined });
const payloads = fc
  .tuple(data, sender, key)
  .map(([value, from, name]) => encodePayload(JSON.stringify(value), from, name));

function publication(payload: string) {
  return { offset: 7, time: 1_767_225_600_000, payload };
}

describe('the trace context of a stored message', () => {
  it('is found again, and subscribers receive the same as without it', () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const traced = publication(withTrace(payload, TRACEPARENT));
        expect(traceOf(traced.payload)).toBe(TRACEPARENT);
        expect(isReadable(traced)).toBe(true);
        expect(encodeMessage('chat:lobby', traced)).toBe(encodeMessage('chat:lobby', publication(payload)));
        expect(decodePublication(traced)).toEqual(decodePublication(publication(payload)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('cannot be made up by a publisher, and nothing of a message is taken for one', () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(traceOf(payload)).toBeUndefined();
        expect(encodeMessage('chat:lobby', publication(payload)).endsWith(`${payload.slice(1)}}`)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
