import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parsePubsubUrl, presentSettings } from './url.js';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'holdfast-pubsub-'));
const KEY = file('key.json', JSON.stringify({ client_email: 'a@b', private_key: 'hunter2', more: 1 }));

afterAll(async () => rm(DIRECTORY, { recursive: true }));

function file(name: string, contents: string): string {
  const path = join(DIRECTORY, name);
  writeFileSync(path, contents);
  return path;
}

const DEFAULTS = {
  project: 'my-project',
  topic: 'holdfast',
  endpoint: { host: 'europe-west1-pubsub.googleapis.com', port: 443 },
  isInsecure: false,
  key: undefined,
  partitions: 16,
  window: 900_000,
};

describe('a Pub/Sub URL', () => {
  it.each([
    ['pubsub://my-project/holdfast?region=europe-west1', {}],
    [
      'PUBSUB://my-project/a.b_c-1?region=us-central1&partitions=4&window=60',
      {
        topic: 'a.b_c-1',
        endpoint: { host: 'us-central1-pubsub.googleapis.com', port: 443 },
        partitions: 4,
        window: 60_000,
      },
    ],
    [
      `pubsub://my-project/holdfast?region=europe-west1&keyFile=${KEY}`,
      {
        key: { client_email: 'a@b', private_key: 'hunter2' },
      },
    ],
    [
      'pubsub://my-project/holdfast?endpoint=127.0.0.1:8085',
      {
        endpoint: { host: '127.0.0.1', port: 8085 },
        isInsecure: true,
      },
    ],
    ['pubsub://my-project/holdfast?endpoint=[::1]:8085', { endpoint: { host: '::1', port: 8085 }, isInsecure: true }],
    ['pubsub://my-project/holdfast?endpoint=localhost:1&insecure=false', { endpoint: { host: 'localhost', port: 1 } }],
    [
      'pubsub://my-project/holdfast?endpoint=emulator:8085&insecure=true',
      {
        endpoint: { host: 'emulator', port: 8085 },
        isInsecure: true,
      },
    ],
    ['pubsub://my-project/holdfast?endpoint=private.example', { endpoint: { host: 'private.example', port: 443 } }],
  ])('%s', (url, settings) => {
    expect(parsePubsubUrl(url)).toEqual({ ...DEFAULTS, ...settings });
  });

  const topic = 'expected pubsub://PROJECT/TOPIC with the name of a topic: ';
  it.each([
    [
      'pubsub://my-project/holdfast',
      'expected either region, such as europe-west1, or endpoint: only one region keeps the order',
    ],
    [
      'pubsub://my-project/holdfast?region=a-b1&endpoint=h',
      'expected either region, such as europe-west1, or endpoint: only one region keeps the order',
    ],
    ['pubsub://my-project/holdfast?region=europe', 'region: expected the name of a region, such as europe-west1'],
    ['pubsub://my-project/holdfast?endpoint=a,b', 'endpoint: expected one HOST:PORT'],
    [
      'pubsub://my-project/holdfast?endpoint=pubsub.googleapis.com',
      'endpoint: the global endpoint does not keep the order: expected a regional one',
    ],
    ['pubsub://my-project/holdfast?endpoint=h&insecure=yes', 'insecure: expected true or false'],
    ['pubsub://my-project/holdfast?region=a-b1&insecure=true', 'insecure: only for an endpoint, such as an emulator'],
    [
      `pubsub://my-project/holdfast?endpoint=h&insecure=true&keyFile=${KEY}`,
      'keyFile: a key is never sent to an endpoint without TLS',
    ],
    ['pubsub://my-project/holdfast?region=a-b1&keyFile=/nowhere', 'keyFile: the file cannot be read'],
    [`pubsub://my-project/holdfast?region=a-b1&keyFile=${file('text', 'hunter2')}`, 'keyFile: the file is not JSON'],
    [
      `pubsub://my-project/holdfast?region=a-b1&keyFile=${file('null', 'null')}`,
      'keyFile: expected the key of a service account, with client_email and private_key',
    ],
    ['pubsub://x/holdfast?region=a-b1', 'expected pubsub://PROJECT/TOPIC with the id of a project'],
    ['pubsub://my-project?region=a-b1', `${topic}3 to 200 letters, digits, hyphens, periods, underscores`],
    ['pubsub://my-project/goog1?region=a-b1', `${topic}3 to 200 letters, digits, hyphens, periods, underscores`],
    [
      'pubsub://a:hunter2@my-project/holdfast?region=a-b1',
      'Pub/Sub has no passwords: expected no USER:PASSWORD; see the parameter keyFile',
    ],
    ['pubsub://my-project/holdfast?region=a-b1&window=59', 'window: expected an integer from 60 to 86400'],
    ['pubsub://my-project/holdfast?region=a-b1&partitions=65', 'partitions: expected an integer from 1 to 64'],
    [
      'pubsub://my-project/holdfast?zone=a',
      'unknown parameter zone; known here: region, endpoint, insecure, keyFile, partitions, window',
    ],
  ])('%s is refused', (url, message) => {
    expect(() => parsePubsubUrl(url)).toThrow(new BrokerUrlError(message));
  });

  it('follows the file of the key, and keeps the last one while the file cannot be used', () => {
    const path = file('rotated.json', JSON.stringify({ client_email: 'a@b', private_key: 'one' }));
    const settings = presentSettings(() => `pubsub://my-project/holdfast?region=a-b1&keyFile=${path}`);
    expect(settings.key?.private_key).toBe('one');
    file('rotated.json', 'half of a f');
    expect(settings.key?.private_key).toBe('one');
    file('rotated.json', JSON.stringify({ client_email: 'a@b', private_key: 'two' }));
    expect(settings.key?.private_key).toBe('two');
  });
});
