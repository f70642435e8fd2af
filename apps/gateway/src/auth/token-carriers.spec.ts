import { SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { bearerOf, offeredSubprotocols, offersOurs, tokenOf } from './token-carriers.js';

const NO_QUERY = new URLSearchParams();

describe('the token of an upgrade', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc  ', 'abc'],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Basic abc', undefined],
    ['abc', undefined],
    ['', undefined],
  ])('in the Authorization header %j is %j', (authorization, token) => {
    expect(bearerOf({ authorization })).toBe(token);
    expect(tokenOf({ authorization }, NO_QUERY)).toBe(token);
  });

  it.each([
    ['access_token=abc', 'abc'],
    ['other=1&access_token=a.b-c_d', 'a.b-c_d'],
    ['access%5Ftoken=abc', 'abc'],
    ['access_token=', undefined],
    ['ACCESS_TOKEN=abc', undefined],
  ])('in the query %j is %j', (query, token) => {
    expect(tokenOf({}, new URLSearchParams(query))).toBe(token);
  });

  it.each([
    [`${SUBPROTOCOL}, bearer.abc`, 'abc'],
    [`bearer.a.b.c,${SUBPROTOCOL}`, 'a.b.c'],
    [SUBPROTOCOL, undefined],
    ['Bearer.abc', undefined],
    ['', undefined],
  ])('in the subprotocols %j is %j', (offered, token) => {
    expect(tokenOf({ 'sec-websocket-protocol': offered }, NO_QUERY)).toBe(token);
  });

  it.each([
    ['token=abc', 'abc'],
    ['a=1; token=abc; b=2', 'abc'],
    ['a=1;token = abc ', 'abc'],
    ['token=a=b', 'a=b'],
    ['token=', undefined],
    ['mytoken=abc', undefined],
    ['Token=abc', undefined],
    ['token', undefined],
    ['', undefined],
  ])('in the cookies %j is %j', (cookie, token) => {
    expect(tokenOf({ cookie }, NO_QUERY, 'token')).toBe(token);
  });

  it('is not read from a cookie that is not configured', () => {
    expect(tokenOf({ cookie: 'token=abc; =abc; undefined=abc' }, NO_QUERY)).toBeUndefined();
  });

  it('comes from the first of: header, query, subprotocol, cookie', () => {
    const headers = {
      authorization: 'Bearer header',
      'sec-websocket-protocol': 'bearer.subprotocol',
      cookie: 'token=cookie',
    };
    const query = new URLSearchParams('access_token=query');
    const { authorization: _, ...withoutHeader } = headers;
    expect(tokenOf(headers, query, 'token')).toBe('header');
    expect(tokenOf(withoutHeader, query, 'token')).toBe('query');
    expect(tokenOf(withoutHeader, NO_QUERY, 'token')).toBe('subprotocol');
    expect(tokenOf({ cookie: headers.cookie }, NO_QUERY, 'token')).toBe('cookie');
  });
});

describe('the subprotocols that a client offers', () => {
  it('are parsed as a list', () => {
    expect(offeredSubprotocols({ 'sec-websocket-protocol': ' chat ,, holdfast.v1.json' })).toEqual([
      'chat',
      'holdfast.v1.json',
    ]);
    expect(offeredSubprotocols({})).toEqual([]);
  });

  it.each([
    [SUBPROTOCOL, true],
    [`chat, ${SUBPROTOCOL}`, true],
    ['holdfast.v2.json', false],
    [SUBPROTOCOL.toUpperCase(), false],
    [undefined, false],
  ])('%j contain ours: %j', (offered, expected) => {
    expect(offersOurs(offered === undefined ? {} : { 'sec-websocket-protocol': offered })).toBe(expected);
  });
});
