import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parseKafkaUrl, presentSettings } from './url.js';

const DEFAULTS = {
  bootstrap: [{ host: 'h', port: 9092 }],
  topic: 'holdfast',
  sasl: undefined,
  tls: undefined,
  partitions: 16,
  replicas: undefined,
  window: 900_000,
};

let directory: string;
let token: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-url-'));
  token = join(directory, 'token');
  writeFileSync(token, 'a.b.c\n');
  writeFileSync(join(directory, 'empty'), '\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('a Kafka URL', () => {
  it.each([
    ['kafka://h', {}],
    ['KAFKA://h/', {}],
    [
      'kafka://a,[::1]:1,b:9093/chat.log',
      {
        bootstrap: [
          { host: 'a', port: 9092 },
          { host: '::1', port: 1 },
          { host: 'b', port: 9093 },
        ],
        topic: 'chat.log',
      },
    ],
    ['kafka://ann:p%40ss@h?sasl=plain', { sasl: { mechanism: 'PLAIN', username: 'ann', password: 'p@ss' } }],
    [
      'kafka+tls://ann:p@h?sasl=scram-sha-512&tlsServerName=kafka.example',
      {
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'ann', password: 'p' },
        tls: { servername: 'kafka.example' },
      },
    ],
    ['kafka+tls://h?replicas=1&partitions=8&window=60', { tls: {}, replicas: 1, partitions: 8, window: 60_000 }],
  ])('%s', (url, settings) => {
    expect(parseKafkaUrl(url)).toEqual({ ...DEFAULTS, ...settings });
  });

  it('names a file with a token', () => {
    expect(parseKafkaUrl(`kafka+tls://h?sasl=oauthbearer&tokenFile=${token}`)).toEqual({
      ...DEFAULTS,
      tls: {},
      sasl: { mechanism: 'OAUTHBEARER', token: 'a.b.c' },
    });
    expect(() => parseKafkaUrl(`kafka://h?sasl=oauthbearer&tokenFile=${join(directory, 'empty')}`)).toThrow(
      new BrokerUrlError('tokenFile: the file has no token'),
    );
  });

  it.each([
    ['nats://h', 'expected the scheme kafka or kafka+tls'],
    ['kafka://h?colour=red', 'unknown parameter colour; known here: sasl, tokenFile, partitions, replicas, window'],
    ['kafka://h?tlsCa=/ca', 'unknown parameter tlsCa; known here: sasl, tokenFile, partitions, replicas, window'],
    ['kafka://h/a/b', 'topic: expected 1 to 249 letters, digits, dots, underscores and hyphens as path'],
    ['kafka://h/..', 'topic: expected 1 to 249 letters, digits, dots, underscores and hyphens as path'],
    ['kafka://ann:p@h', 'sasl: expected plain, scram-sha-256 or scram-sha-512 for the user in the URL'],
    ['kafka://h?sasl=plain', 'sasl: expected a user and a password in the URL'],
    ['kafka://ann@h?sasl=plain', 'sasl: expected a user and a password in the URL'],
    ['kafka://h?sasl=kerberos', 'sasl: expected plain, scram-sha-256, scram-sha-512, oauthbearer'],
    ['kafka://h?sasl=oauthbearer', 'tokenFile: expected with sasl=oauthbearer'],
    ['kafka://h?tokenFile=/token', 'sasl: expected oauthbearer for tokenFile'],
    ['kafka://ann:p@h?sasl=plain&tokenFile=/token', 'tokenFile: expected only with sasl=oauthbearer'],
    [
      'kafka://ann:p@h?sasl=oauthbearer&tokenFile=/token',
      'sasl: oauthbearer has a token, expected no user and password',
    ],
    ['kafka://h?sasl=oauthbearer&tokenFile=/nowhere/token', 'tokenFile: the file cannot be read'],
    ['kafka+tls://h?tlsCert=/cert.pem', 'tlsCert and tlsKey: expected both or neither'],
    ['kafka+tls://h?tlsCa=/nowhere/ca.pem', 'tlsCa: the file cannot be read'],
    ['kafka://h?partitions=7', 'partitions: expected an integer from 8 to 64'],
    ['kafka://h?replicas=0', 'replicas: expected an integer from 1 to 10'],
    ['kafka://h?window=90000', 'window: expected an integer from 60 to 86400'],
    ['kafka://', 'expected HOST or HOST:PORT'],
  ])('%s is refused', (url, message) => {
    expect(() => parseKafkaUrl(url)).toThrow(new BrokerUrlError(message));
  });

  it.each([
    'kafka://ann:hunter2%@h?sasl=plain',
    'kafka://ann:hunter2@h:port?sasl=plain',
    'kafka://ann:hunter2@h',
    'kafka://ann:hunter2@h?sasl=hunter2',
    'kafka://h/hunter2!',
    'kafka://h?sasl=oauthbearer&tokenFile=/hunter2',
    'kafka:hunter2',
  ])('%s is refused without repeating what may be a secret', (url) => {
    expect(() => parseKafkaUrl(url)).toThrow(BrokerUrlError);
    expect(() => parseKafkaUrl(url)).not.toThrow(/hunter2/);
  });
});

it('settings of a URL that changes are those of the first one, except for credentials and TLS', () => {
  let url = 'kafka+tls://ann:old@h/one?sasl=plain&tlsServerName=old';
  const settings = presentSettings(() => url);
  url = 'kafka+tls://bob:new@other/two?sasl=scram-sha-256&tlsServerName=new';
  expect(settings()).toMatchObject({
    bootstrap: [{ host: 'h' }],
    topic: 'one',
    sasl: { mechanism: 'SCRAM-SHA-256', username: 'bob', password: 'new' },
    tls: { servername: 'new' },
  });
});
