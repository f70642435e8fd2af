import { describe, expect, it } from 'vitest';
import { mayConnectFrom } from './origins.js';

const HOST = 'chat.example.com';

describe('a page of another origin', () => {
  it.each<[string | undefined, string[], boolean]>([
    // Not a browser.
    [undefined, [], true],
    [undefined, ['https://example.org'], true],
    // Its own, whether TLS is ended before the gateway or not.
    ['https://chat.example.com', [], true],
    ['http://chat.example.com', [], true],
    ['https://chat.example.com', ['https://example.org'], true],
    ['https://chat.example.com:8443', [], false],
    ['https://example.com', [], false],
    ['https://chat.example.com.evil.test', [], false],
    ['null', [], false],
    ['', [], false],
    // Allowed ones.
    ['https://example.org', ['https://example.org'], true],
    ['http://example.org', ['https://example.org'], false],
    ['https://example.org:8443', ['https://example.org'], false],
    ['https://a.example.org', ['https://*.example.org'], true],
    ['https://a.b.example.org', ['https://*.example.org'], true],
    ['https://example.org', ['https://*.example.org'], false],
    ['https://evilexample.org', ['https://*.example.org'], false],
    ['http://localhost:3000', ['https://example.org', 'http://localhost:3000'], true],
    ['https://anything.test', ['*'], true],
    ['null', ['*'], true],
  ])('%j with %j allowed may connect: %j', (origin, allowed, expected) => {
    const headers = { host: HOST, ...(origin === undefined ? {} : { origin }) };
    expect(mayConnectFrom(headers, allowed)).toBe(expected);
  });

  it('is told from its own by the host as the client wrote it, with its port', () => {
    expect(mayConnectFrom({ host: 'LocalHost:8000', origin: 'http://localhost:8000' }, [])).toBe(true);
    expect(mayConnectFrom({ host: 'localhost:8000', origin: 'http://localhost:3000' }, [])).toBe(false);
    expect(mayConnectFrom({ origin: 'http://localhost' }, [])).toBe(false);
  });
});
