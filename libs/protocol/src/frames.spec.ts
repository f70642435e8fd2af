import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorData } from './errors.js';
import {
  decodeRequest as sut,
  encodeError,
  encodeNotice,
  encodeReply,
  isBadFrame,
  isRequestId,
  type GatewayFrame,
} from './frames.js';

// A grapheme can have many code units.
const requestId = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 16 }).filter(({ length }) => length <= 64),
  fc.maxSafeInteger(),
);
/** Normalized, because JSON.stringify does not preserve -0. */
const json = fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

describe('the decoder of requests', () => {
  it('returns a request or a reason for any input, and never throws', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      json.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const frame = sut(text);
        if (isBadFrame(frame)) {
          expect(frame.code).toBe('malformed');
          expect(frame.detail).not.toBe('');
        } else {
          expect(typeof frame.event).toBe('string');
        }
        expect(frame.id === undefined || isRequestId(frame.id)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads event, data and id as they were sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), json, fc.option(requestId, { nil: undefined }), (event, data, id) => {
        expect(sut(JSON.stringify({ event, data, id }))).toEqual({ event, data, ...(id === undefined ? {} : { id }) });
      }),
    );
  });

  it('reads the trace context of a frame, and ignores other members', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(sut(JSON.stringify({ event: 'publish', id: 1, traceparent, more: 1 }))).toEqual({
      event: 'publish',
      id: 1,
      traceparent,
    });
    expect(sut('{"event":"publish","traceparent":7}')).toEqual({ event: 'publish' });
  });

  it('refuses every invalid id, and does not repeat it', () => {
    const noId = fc.oneof(json, fc.double(), fc.string({ minLength: 65 })).filter((id) => !isRequestId(id));
    fc.assert(
      fc.property(noId, (id) => {
        const frame = sut(JSON.stringify({ event: 'ping', id }));
        expect(frame).toEqual({ code: 'malformed', detail: expect.stringContaining('"id" must be') });
      }),
    );
  });

  it('keeps the id of an invalid frame, so that the error can be matched', () => {
    fc.assert(
      fc.property(
        requestId,
        json.filter((event) => typeof event !== 'string'),
        (id, event) => {
          expect(sut(JSON.stringify({ id, event }))).toMatchObject({ code: 'malformed', id });
        },
      ),
    );
  });

  it.each(['', ' ', '{', '[]', 'null', '7', '"{}"', 'NaN', "{'event':'ping'}", '{"event":"ping"}}'])(
    'refuses %j',
    (text) => {
      expect(isBadFrame(sut(text))).toBe(true);
    },
  );

  it('ignores inherited properties', () => {
    expect(sut('{"__proto__":{"event":"ping","id":1}}')).toEqual({
      code: 'malformed',
      detail: '"event" must be a string',
    });
    expect(sut('{"event":"ping","code":"x"}')).toEqual({ event: 'ping' });
    expect(({} as Record<string, unknown>)['event']).toBeUndefined();
  });

  it('survives the deepest nesting that fits into a frame', () => {
    const depth = 30_000;
    expect(sut(`{"event":"publish","data":${'['.repeat(depth)}${']'.repeat(depth)}}`)).toMatchObject({
      event: 'publish',
    });
    expect(sut('{"event":'.repeat(10_000))).toMatchObject({ code: 'malformed' });
  });
});

const read = (text: string): GatewayFrame => JSON.parse(text) as GatewayFrame;

describe('the frames of the gateway', () => {
  it('are JSON with the given content', () => {
    fc.assert(
      fc.property(requestId, json, fc.string({ unit: 'binary' }), (id, data, detail) => {
        expect(read(encodeReply(id, data))).toEqual({ event: 'reply', id, data });
        const error = errorData('invalid', detail);
        expect(read(encodeError(error, id))).toEqual({ event: 'error', id, data: error });
        expect(read(encodeError(error))).toEqual({ event: 'error', data: error });
      }),
    );
    const gap = { channel: 'x', epoch: '"', offset: 1 };
    expect(read(encodeNotice('gap', gap))).toEqual({ event: 'gap', data: gap });
  });
});
