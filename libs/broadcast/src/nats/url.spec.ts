import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parseNatsUrl, presentSettings } from './url.js';

const DEFAULTS = {
  addresses: [{ host: 'h', port: 4222 }],
  credentials: { kind: 'none' },
  tls: undefined,
  prefix: 'holdfast',
  replicas: undefined,
  partitions: undefined,
  window: 900_000,
};

const directory = mkdtempSync(join(tmpdir(), 'holdfast-nats-url-'));
const file = (name: string, contents: string): string => {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
};
const TOKEN = file('token', 'hunter2\n');
const SEED = file('seed', 'SUSEED\n');
const EMPTY = file('empty', '\n');

afterAll(() => rmSync(directory, { recursive: true }));

describe('a NATS URL', () => {
  it.each([
    ['nats://h', {}],
    ['NATS://h/', {}],
    [
      'nats://a,b:1,[::1]:2',
      {
        addresses: [
          { host: 'a', port: 4222 },
          { host: 'b', port: 1 },
          { host: '::1', port: 2 },
        ],
      },
    ],
    ['nats://ann:a:b%40@h', { credentials: { kind: 'password', user: 'ann', password: 'a:b@' } }],
    ['nats://p%40ss%2F@h', { credentials: { kind: 'token', token: 'p@ss/' } }],
    [`nats://h?tokenFile=${TOKEN}`, { credentials: { kind: 'token', token: 'hunter2' } }],
    [`nats://h?nkey=${SEED}`, { credentials: { kind: 'nkey', seed: Buffer.from('SUSEED') } }],
    [
      'nats://h?prefix=chat-1&replicas=1&partitions=8&window=3600',
      { prefix: 'chat-1', replicas: 1, partitions: 8, window: 3_600_000 },
    ],
    ['nats+tls://h', { tls: {} }],
    [
      `nats+tls://h?tlsCa=${SEED}&tlsServerName=nats.example`,
      { tls: { ca: Buffer.from('SUSEED\n'), servername: 'nats.example' } },
    ],
  ])('%s', (url, settings) => {
    expect(parseNatsUrl(url)).toEqual({ ...DEFAULTS, ...settings });
  });

  const known = 'creds, nkey, tokenFile, prefix, replicas, partitions, window';
  it.each([
    ['nats://h?colour=red', `unknown parameter colour; known here: ${known}`],
    ['nats://h?tlsCa=/ca', `unknown parameter tlsCa; known here: ${known}`],
    ['nats://h?window=60&window=60', 'window: given twice'],
    ['nats://h?window=59', 'window: expected an integer from 60 to 86400'],
    ['nats://h?replicas=6', 'replicas: expected an integer from 1 to 5'],
    ['nats://h?partitions=0', 'partitions: expected an integer from 1 to 64'],
    ['nats://h?prefix=a.b', 'prefix: expected 1 to 64 letters, digits, hyphens and underscores'],
    ['nats://h:70000', 'expected HOST or HOST:PORT'],
    ['nats://a,', 'expected HOST or HOST:PORT'],
    ['nats://', 'expected HOST or HOST:PORT'],
    ['nats://h/1', 'NATS has no databases: expected no path'],
    ['nats://:p@h', 'expected USER:PASSWORD@ or TOKEN@ before the host'],
    ['redis://h', 'expected one of the schemes nats, nats+tls'],
    ['nats://h?creds=/nowhere/chat.creds', 'creds: the file cannot be read'],
    [`nats://h?nkey=${EMPTY}`, 'nkey: the file is empty'],
    [`nats://ann:p@h?nkey=${SEED}`, 'expected only one of USER:PASSWORD, nkey'],
    [`nats://h?nkey=${SEED}&tokenFile=${TOKEN}`, 'expected only one of nkey, tokenFile'],
    ['nats+tls://h?tlsCa=/nowhere/ca.pem', 'tlsCa: the file cannot be read'],
    [`nats+tls://h?tlsCert=${SEED}`, 'tlsCert and tlsKey: expected both or neither'],
  ])('%s is refused', (url, message) => {
    expect(() => parseNatsUrl(url)).toThrow(new BrokerUrlError(message));
  });

  it.each([
    'nats://ann:hunter2%@h',
    'nats://hunter2%@h',
    'nats://:hunter2@h:port',
    'nats://:hunter2@h/hunter2',
    'nats://ann:hunter2@hunter2@h',
    'nats://h?hunter2',
    'nats://h?tokenFile=hunter2',
    'nats://h?prefix=hunter2.&window=60',
    'nats:hunter2',
  ])('%s is refused without repeating what may be a secret', (url) => {
    expect(() => parseNatsUrl(url)).toThrow(BrokerUrlError);
    expect(() => parseNatsUrl(url)).not.toThrow(/hunter2/);
  });
});

describe('the settings of a URL that changes', () => {
  it('are those of the first URL, except for credentials and TLS', () => {
    let url = 'nats+tls://ann:old@h?prefix=a&tlsServerName=old';
    const sut = presentSettings(() => url);
    url = 'nats+tls://bob:new@other?prefix=b&tlsServerName=new';
    expect(sut).toMatchObject({
      addresses: [{ host: 'h' }],
      prefix: 'a',
      credentials: { user: 'bob', password: 'new' },
      tls: { servername: 'new' },
    });
  });

  it('have the current contents of files', () => {
    const path = file('rotated', 'old');
    const sut = presentSettings(() => `nats://h?tokenFile=${path}`);
    writeFileSync(path, 'new');
    expect(sut.credentials).toEqual({ kind: 'token', token: 'new' });
  });

  it('stay the same if the new URL cannot be used', () => {
    let url = 'nats://old@h';
    const sut = presentSettings(() => url);
    url = 'nats://new@h?what=ever';
    expect(sut.credentials).toEqual({ kind: 'token', token: 'old' });
    url = 'nats://new@h';
    expect(sut.credentials).toEqual({ kind: 'token', token: 'new' });
  });

  it('must be valid at the start', () => {
    expect(() => presentSettings(() => 'nats://')).toThrow(BrokerUrlError);
  });
});
