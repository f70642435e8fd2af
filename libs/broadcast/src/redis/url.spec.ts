import { describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parseRedisUrl, presentSettings } from './url.js';

const DEFAULTS = {
  mode: 'standalone',
  addresses: [{ host: 'h', port: 6379 }],
  credentials: {},
  primaryName: '',
  sentinelCredentials: {},
  db: 0,
  tls: undefined,
  prefix: 'holdfast',
  wait: 0,
  waitTimeout: 500,
};

describe('a Redis URL', () => {
  it.each([
    ['redis://h', {}],
    ['REDIS://h/', {}],
    ['redis://h:7000/3', { addresses: [{ host: 'h', port: 7000 }], db: 3 }],
    ['redis://[::1]:7000?db=3', { addresses: [{ host: '::1', port: 7000 }], db: 3 }],
    ['redis://:p%40ss%2F@h', { credentials: { password: 'p@ss/' } }],
    ['redis://ann:a:b@h', { credentials: { username: 'ann', password: 'a:b' } }],
    ['rediss://h?tlsServerName=redis.example', { tls: { servername: 'redis.example' } }],
    ['redis://h?prefix=chat&wait=2&waitTimeout=1000', { prefix: 'chat', wait: 2, waitTimeout: 1000 }],
    [
      'redis+sentinel://ann:p@a,b:1/main?db=2&sentinelUsername=s&sentinelPassword=q',
      {
        mode: 'sentinel',
        addresses: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 1 },
        ],
        credentials: { username: 'ann', password: 'p' },
        primaryName: 'main',
        sentinelCredentials: { username: 's', password: 'q' },
        db: 2,
      },
    ],
    ['rediss+cluster://h', { mode: 'cluster', tls: {} }],
  ])('%s', (url, settings) => {
    expect(parseRedisUrl(url)).toEqual({ ...DEFAULTS, ...settings });
  });

  it.each([
    ['redis://h?colour=red', 'unknown parameter colour; known here: db, prefix, wait, waitTimeout'],
    ['redis://h?tlsCa=/ca', 'unknown parameter tlsCa; known here: db, prefix, wait, waitTimeout'],
    ['redis+cluster://h?db=1', 'unknown parameter db; known here: prefix, wait, waitTimeout'],
    ['redis+cluster://h/1', 'a cluster has only one database: expected no path'],
    ['redis+sentinel://h', 'expected the name of the primary as path: …/mymaster'],
    ['redis://a,b', 'several hosts: expected redis+sentinel:// or redis+cluster://'],
    ['redis://h/1?db=2', 'db: given twice, in the path and as a parameter'],
    ['redis://h?db=1&db=2', 'db: given twice'],
    ['redis://h/one', 'db: expected an integer from 0 to 65535'],
    ['redis://h?wait=-1', 'wait: expected an integer from 0 to 100'],
    ['redis://h?waitTimeout=5000', 'waitTimeout: expected an integer from 0 to 1000'],
    ['redis://h?prefix=a{b}', 'prefix: expected 1 to 64 characters without braces and spaces'],
    ['redis://h:70000', 'expected HOST or HOST:PORT'],
    ['redis://', 'expected HOST or HOST:PORT'],
    ['rediss://h?tlsCa=/nowhere/ca.pem', 'tlsCa: the file cannot be read'],
    ['rediss://h?tlsKey=/key.pem', 'tlsCert and tlsKey: expected both or neither'],
  ])('%s is refused', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(new BrokerUrlError(message));
  });

  it.each([
    'redis://:hunter2%@h',
    'redis://:hunter2@h:port',
    'redis://:hunter2@h/hunter2',
    'redis://ann:hunter2@hunter2@h',
    'redis://h?hunter2',
    'redis://h?prefix=hunter2{&db=1',
    'redis:hunter2',
  ])('%s is refused without repeating what may be a secret', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(BrokerUrlError);
    expect(() => parseRedisUrl(url)).not.toThrow(/hunter2/);
  });
});

describe('the settings of a URL that changes', () => {
  it('are those of the first URL, except for credentials and TLS', () => {
    let url = 'rediss+sentinel://ann:old@h/main?prefix=a&sentinelPassword=old&tlsServerName=old';
    const sut = presentSettings(() => url);
    url = 'rediss+sentinel://bob:new@other/another?prefix=b&sentinelPassword=new&tlsServerName=new';
    expect(sut).toMatchObject({
      addresses: [{ host: 'h' }],
      primaryName: 'main',
      prefix: 'a',
      credentials: { username: 'bob', password: 'new' },
      sentinelCredentials: { password: 'new' },
      tls: { servername: 'new' },
    });
  });

  it('stay the same if the new URL cannot be used', () => {
    let url = 'redis://:old@h';
    const sut = presentSettings(() => url);
    url = 'redis://:new@h?what=ever';
    expect(sut.credentials).toEqual({ password: 'old' });
    url = 'redis://:new@h';
    expect(sut.credentials).toEqual({ password: 'new' });
  });

  it('must be valid at the start', () => {
    expect(() => presentSettings(() => 'redis://')).toThrow(BrokerUrlError);
  });
});
