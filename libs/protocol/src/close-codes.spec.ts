import { describe, expect, it } from 'vitest';
import { CLOSE, retryAfterClose } from './close-codes.js';

describe('the close codes', () => {
  it('are unique and allowed in a close frame (RFC 6455, section 7.4)', () => {
    const codes = Object.values(CLOSE).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      expect(
        (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 4000 && code < 5000),
      ).toBe(true);
    }
  });

  it('are retried as the table says', () => {
    for (const { code, retry } of Object.values(CLOSE)) expect(retryAfterClose(code)).toBe(retry);
  });

  it('have a reason that fits into a control frame', () => {
    for (const { reason } of Object.values(CLOSE)) {
      expect(reason).not.toBe('');
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    }
  });

  it.each([
    [1000, 'always'],
    [1001, 'always'],
    [1002, 'always'],
    [1007, 'always'],
    [1008, 'never'],
    [1009, 'always'],
    [1011, 'always'],
    [1012, 'always'],
    [1013, 'always'],
    [4001, 'token'],
    [4003, 'never'],
    [4009, 'never'],
    [4010, 'session'],
    // Codes that say nothing about the cause are retried.
    [1005, 'always'],
    [1006, 'always'],
    [1015, 'always'],
    [4999, 'always'],
  ])('after %i a client retries: %s', (code, retry) => {
    expect(retryAfterClose(code)).toBe(retry);
  });
});
