import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parseRabbitUrl, presentSettings } from './url.js';

const DEFAULTS = {
  addresses: [{ host: 'h', port: 5672 }],
  credentials: {},
  virtualHost: '/',
  tls: undefined,
  prefix: 'holdfast',
  partitions: 16,
  window: 900_000,
};

const directory = mkdtempSync(join(tmpdir(), 'holdfast-rabbitmq-url-'));
const file = join(directory, 'file.pem');
writeFileSync(file, 'one');
afterAll(() => rmSync(directory, { recursive: true }));

describe('a RabbitMQ URL', () => {
  it.each([
    ['amqp://h', {}],
    ['AMQP://h/', {}],
    ['amqps://h', { addresses: [{ host: 'h', port: 5671 }], tls: {} }],
    [
      'amqp://a:7000,[::1]',
      {
        addresses: [
          { host: 'a', port: 7000 },
          { host: '::1', port: 5672 },
        ],
      },
    ],
    [
      'amqp://ann:p%40ss%2F@h/chat%2Fprod',
      { credentials: { username: 'ann', password: 'p@ss/' }, virtualHost: 'chat/prod' },
    ],
    ['amqp://h?prefix=chat.prod&partitions=8&window=3600', { prefix: 'chat.prod', partitions: 8, window: 3_600_000 }],
    [
      `amqps://h:1?auth=external&tlsCert=${file}&tlsKey=${file}&tlsServerName=rabbit.example`,
      {
        addresses: [{ host: 'h', port: 1 }],
        credentials: undefined,
        tls: { cert: Buffer.from('one'), key: Buffer.from('one'), servername: 'rabbit.example' },
      },
    ],
  ])('%s', (url, settings) => {
    expect(parseRabbitUrl(url)).toEqual({ ...DEFAULTS, ...settings });
  });

  it.each([
    ['http://h', 'expected one of amqp, amqps as the scheme'],
    ['amqp://h?colour=red', 'unknown parameter colour; known here: prefix, partitions, window'],
    ['amqp://h?tlsCa=/ca', 'unknown parameter tlsCa; known here: prefix, partitions, window'],
    ['amqps://h?tlsCa=/nothing', 'tlsCa: the file cannot be read'],
    [`amqps://h?tlsCert=${file}`, 'tlsCert and tlsKey: expected both or neither'],
    ['amqps://h?auth=basic', 'auth: expected plain or external'],
    ['amqps://h?auth=external', 'auth: external needs a client certificate, in tlsCert and tlsKey'],
    [
      `amqps://ann:secret@h?auth=external&tlsCert=${file}&tlsKey=${file}`,
      'auth: external takes the user from the client certificate: expected no USER:PASSWORD',
    ],
    ['amqp://h?partitions=0', 'partitions: expected an integer from 1 to 64'],
    ['amqp://h?window=15m', 'window: expected an integer from 60 to 86400'],
    [
      'amqp://h?prefix=amq.x',
      'prefix: expected 1 to 64 letters, digits, dots, hyphens and underscores; amq. is reserved',
    ],
    [
      'amqp://h?prefix=a b',
      'prefix: expected 1 to 64 letters, digits, dots, hyphens and underscores; amq. is reserved',
    ],
    ['amqp://h:70000', 'expected HOST or HOST:PORT'],
  ])('%s is refused', (url, message) => {
    expect(() => parseRabbitUrl(url)).toThrow(new BrokerUrlError(message));
  });

  it('may change its credentials and the contents of its files, but nothing else', () => {
    let url = `amqps://ann:one@h?tlsCa=${file}`;
    const settings = presentSettings(() => url);
    expect(settings.credentials).toEqual({ username: 'ann', password: 'one' });
    expect(settings.tls).toEqual({ ca: Buffer.from('one') });
    url = `amqps://ann:two@other?tlsCa=${file}&partitions=4`;
    writeFileSync(file, 'two');
    expect(settings.credentials).toEqual({ username: 'ann', password: 'two' });
    expect(settings.tls).toEqual({ ca: Buffer.from('two') });
    expect(settings).toMatchObject({ addresses: [{ host: 'h', port: 5671 }], partitions: 16 });
    url = 'amqps://ann:three@h?colour=red';
    expect(settings.credentials).toEqual({ username: 'ann', password: 'two' });
  });
});
