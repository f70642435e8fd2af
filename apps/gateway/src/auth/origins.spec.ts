import { describe, expect, it } from 'vitest';
import { Origins } from './origins.js';

const HOST = 'chat.example.com';

function mayConnect(headers: Record<string, string>, allowed: readonly string[] = []): boolean {
  return new Origins(allowed).mayConnect(headers);
}

describe('a page of another origin', () => {
  it.each<[string | undefined, string[], boolean]>([
    // Not a browser.
    [undefined, [], true],
    [undefined, ['https://example.org'], true],
    // The same origin, whether or not TLS ends before the gateway.
    ['https://chat.example.com', [], true],
    ['http://chat.example.com', [], true],
    ['https://chat.example.com', ['https://example.org'], true],
    ['https://chat.example.com:8443', [], false],
    ['https://example.com', [], false],
    ['https://chat.example.com.evil.test', [], false],
    ['https://chat.example.com/', [], false],
    ['https://evil.test@chat.example.com', [], false],
    ['ftp://chat.example.com', [], false],
    ['null', [], false],
    ['', [], false],
    // Allowed origins.
    ['https://example.org', ['https://example.org'], true],
    ['http://example.org', ['https://example.org'], false],
    ['https://example.org:8443', ['https://example.org'], false],
    ['https://a.example.org', ['https://*.example.org'], true],
    ['https://a.b.example.org', ['https://*.example.org'], true],
    ['https://example.org', ['https://*.example.org'], false],
    ['https://evilexample.org', ['https://*.example.org'], false],
    ['https://evil.test/.example.org', ['https://*.example.org'], false],
    ['https://evil.test#.example.org', ['https://*.example.org'], false],
    ['http://localhost:3000', ['https://example.org', 'http://localhost:3000'], true],
    ['capacitor://localhost', ['capacitor://localhost'], true],
    // Any port.
    ['http://localhost:5173', ['http://localhost:*'], true],
    ['http://localhost', ['http://localhost:*'], true],
    ['https://localhost:5173', ['http://localhost:*'], false],
    ['http://localhost.evil.test', ['http://localhost:*'], false],
    ['http://localhost:5173.evil.test', ['http://localhost:*'], false],
    ['http://localhost:evil.test', ['http://localhost:*'], false],
    ['http://evil.test:80.localhost', ['http://localhost:*'], false],
    ['http://[::1]:3000', ['http://[::1]:*'], true],
    ['http://[::1]', ['http://[::1]:*'], true],
    ['http://[::1:3000]', ['http://[::1]:*'], false],
    ['https://a.example.org:8443', ['https://*.example.org:*'], true],
    ['https://example.org:8443', ['https://*.example.org:*'], false],
    ['https://anything.test', ['*'], true],
    ['null', ['*'], true],
    // The default port and upper or lower case make no difference.
    ['https://example.org', ['https://example.org:443'], true],
    ['https://example.org:443', ['https://example.org'], true],
    ['http://example.org', ['http://example.org:80'], true],
    ['https://a.example.org', ['https://*.example.org:443'], true],
    ['https://example.org:80', ['https://example.org'], false],
    ['http://example.org:443', ['http://example.org'], false],
    ['HTTPS://Example.ORG', ['https://example.org'], true],
    ['http://[::1]:3000', ['http://[::1]:3000'], true],
    ['http://[::1]', ['http://[0:0:0:0:0:0:0:1]:80'], true],
    ['http://[::80]', ['http://[::81]'], false],
  ])('with the headers %j and the allowed origins %j may connect: %j', (origin, allowed, expected) => {
    expect(mayConnect({ host: HOST, ...(origin === undefined ? {} : { origin }) }, allowed)).toBe(expected);
  });

  it.each<[string, string, boolean]>([
    ['LocalHost:8000', 'http://localhost:8000', true],
    ['localhost:8000', 'http://localhost:3000', false],
    // The default port of the scheme, explicit or not.
    ['chat.example.com:443', 'https://chat.example.com', true],
    ['chat.example.com:80', 'http://chat.example.com', true],
    ['chat.example.com', 'https://chat.example.com:443', true],
    ['chat.example.com:443', 'http://chat.example.com', false],
    ['chat.example.com:80', 'https://chat.example.com', false],
    ['[::1]:8000', 'http://[::1]:8000', true],
    ['[0:0:0:0:0:0:0:1]', 'http://[::1]', true],
    ['[::1]', 'http://[::2]', false],
    ['evil.test@chat.example.com', 'https://chat.example.com', false],
    ['chat.example.com/x', 'https://chat.example.com', false],
    ['', 'https://chat.example.com', false],
  ])(
    'is recognized by the requested host: with the host %j, the origin %j may connect: %j',
    (host, origin, expected) => {
      expect(mayConnect({ host, origin })).toBe(expected);
    },
  );

  it('may not connect if the request has no host to compare with', () => {
    expect(mayConnect({ origin: 'http://localhost' })).toBe(false);
  });
});

describe('a page that was loaded without TLS may not connect to the same host over TLS', () => {
  const PLAIN = 'http://chat.example.com';
  const SECURE = 'https://chat.example.com';

  it.each<[Record<string, string>, string, boolean]>([
    [{ 'x-forwarded-proto': 'https' }, PLAIN, false],
    [{ 'x-forwarded-proto': 'wss' }, PLAIN, false],
    [{ 'x-forwarded-proto': 'HTTPS, http' }, PLAIN, false],
    [{ forwarded: 'for=192.0.2.1;proto=https;by=10.0.0.1' }, PLAIN, false],
    [{ forwarded: 'proto="https", proto=http' }, PLAIN, false],
    [{ 'x-forwarded-proto': 'http' }, PLAIN, true],
    [{ 'x-forwarded-proto': 'ws' }, PLAIN, true],
    [{ 'x-forwarded-proto': 'http, https' }, PLAIN, true],
    [{}, PLAIN, true],
    // TLS may have ended before the proxy that reports http.
    [{ 'x-forwarded-proto': 'http' }, SECURE, true],
    [{ 'x-forwarded-proto': 'https' }, SECURE, true],
    [{}, SECURE, true],
  ])('%j from %j: %j', (headers, origin, expected) => {
    expect(mayConnect({ host: HOST, origin, ...headers })).toBe(expected);
  });

  it('unless its origin is allowed', () => {
    expect(mayConnect({ host: HOST, origin: PLAIN, 'x-forwarded-proto': 'https' }, [PLAIN])).toBe(true);
  });
});
