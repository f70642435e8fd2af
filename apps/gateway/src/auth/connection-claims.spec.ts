import { describe, expect, it } from 'vitest';
import { connectionClaims, LAST_SECOND, usualClaims } from './connection-claims.js';

/** Usual and unusual values of each claim. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  sub: ['ann', 'a.b-c_d', 'x'.repeat(200), 'x'.repeat(201), '', 'a b', 'ä', '\ud800', '%', 7, null],
  info: [1, null, { name: 'Ann' }],
  channels: [[], ['a'], ['*', 'x'.repeat(255)], ['x'.repeat(256)], [''], [7], 'a', null, Array(1_001).fill('a')],
  publish: [[], ['a'], [null], {}],
  channel: ['a', null],
  exp: [0, 1e9, LAST_SECOND, LAST_SECOND + 1, -Infinity, '1', null],
};

describe('usual claims', () => {
  it('are those that the schema accepts, and read as by the schema', () => {
    let usual = 0;
    for (const [claim, values] of Object.entries(VALUES)) {
      for (const value of values) {
        const payload = { sub: 'bob', iat: 1, [claim]: value };
        const claims = usualClaims(payload);
        if (claims === undefined) continue;
        usual += 1;
        expect(claims, JSON.stringify({ claim, value })).toEqual(connectionClaims.parse(payload));
      }
    }
    expect(usual).toBeGreaterThan(10);
  });

  it('include those of most tokens', () => {
    const payload = { sub: 'user-7', channels: ['*'], publish: ['chat:*'], info: { name: 'Ann' }, exp: 2e9, iat: 1 };
    expect(usualClaims(payload)).toEqual(connectionClaims.parse(payload));
    expect(usualClaims({})).toEqual({ channels: [], publish: [] });
  });
});
