import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BrokerUnavailableError, BrokerUnknownError } from '../../src/errors.js';
import { createBroker } from '../../src/create-broker.js';
import { announcesTooMuch } from '../../src/redis/client/parser-guard.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { RedisServer, uniquePrefix } from '../support/redis-servers.js';

const ROOM = 'room';
const ANN = { client: 'ann', details: '{}' };
const PAYLOAD = '{"data":1}';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(async () => redis.close());

async function startPod(url = redis.url, prefix = uniquePrefix()): Promise<{ pod: Pod; prefix: string }> {
  const pod = new Pod(createBroker(`${url}?prefix=${prefix}`));
  await pod.start();
  onTestFinished(async () => pod.close());
  await pod.broker.subscribe(ROOM, LASTING);
  await pod.broker.join(ROOM, ANN, 'h1');
  await pod.publish(ROOM, PAYLOAD);
  await until(() => expect(pod.delivered(ROOM)).toHaveLength(1));
  return { pod, prefix };
}

/** Resolves when a message was delivered again. */
async function delivers(pod: Pod): Promise<void> {
  await until(async () => {
    const { length } = pod.delivered(ROOM);
    await pod.publish(ROOM, PAYLOAD);
    await until(() => expect(pod.delivered(ROOM).length).toBeGreaterThan(length));
  });
}

describe('what others publish on pub/sub channels of Redis', () => {
  it.each([
    'junk',
    '',
    'p',
    'j',
    'jnull',
    'j{}',
    'j{"client":1,"details":"{}"}',
    'l[]',
    'pe one 1 {}',
    `pe ${'9'.repeat(400)} 1 {}`,
    `pe 1 ${'9'.repeat(20)} {}`,
    'pe 0 1 {}',
  ])('is reported and skipped: %j', async (text) => {
    const { pod, prefix } = await startPod();
    await redis.admin.publish(`${prefix}:{${ROOM}}:live`, text);
    await until(() => expect(pod.invalid).toEqual([`message ${ROOM}`]));
    await delivers(pod);
    expect(pod.faults).toEqual([]);
    expect(pod.gaps).toEqual([]);
    expect(pod.presence).toHaveLength(1);
  });
});

describe('what others write to the keys of Redis', () => {
  it('among the members of a channel does not affect other members', async () => {
    const { pod, prefix } = await startPod();
    const [members, order] = [`${prefix}:{${ROOM}}:members`, `${prefix}:{${ROOM}}:order`];
    const bad: Record<string, string> = { x1: 'junk', x2: '', x3: '\xc1', x4: 'no msgpack at all' };
    for (const [client, entry] of Object.entries(bad)) {
      await redis.admin.hset(members, client, entry);
      await redis.admin.zadd(order, 0, client);
    }
    const { members: found } = await pod.broker.members(ROOM, { limit: 10 });
    expect(found).toEqual([ANN]);
    expect(new Set(pod.invalid)).toEqual(new Set([`member ${ROOM}`]));
    await expect(pod.broker.join(ROOM, { client: 'x1', details: '{}' }, 'h1')).resolves.toMatchObject({
      changed: true,
    });
    await expect(pod.broker.leave(ROOM, 'x2', 'h1')).resolves.toMatchObject({ changed: false });
    await expect(pod.broker.leave(ROOM, 'ann', 'h1')).resolves.toMatchObject({ changed: true });
  });

  it('among the connections of a user does not affect other connections', async () => {
    const { pod, prefix } = await startPod();
    const connection = { client: 'ann', holder: 'h1', user: 'u', node: 'n', since: 1 };
    await pod.broker.register(connection);
    await redis.admin.hset(`${prefix}:{u}:connections`, 'x', 'junk');
    expect(await pod.broker.connections('u')).toEqual([connection]);
    expect(pod.invalid).toEqual(['connection u']);
    await pod.broker.unregister('u', 'x', 'h1');
    await pod.broker.register({ ...connection, client: 'x' });
    expect(await pod.broker.connections('u')).toHaveLength(2);
  });

  it('into a channel that does not exist yet makes it unavailable until it is removed', async () => {
    const { pod, prefix } = await startPod();
    for (const [key, call] of [
      ['{taken}:meta', async () => pod.publish('taken', PAYLOAD)],
      ['{taken}:meta', async () => pod.broker.subscribe('taken', LASTING)],
      ['{taken}:meta', async () => pod.broker.history('taken', { limit: 1 })],
      ['{taken}:members', async () => pod.broker.join('taken', ANN, 'h1')],
      ['{taken}:order', async () => pod.broker.members('taken', { limit: 10 })],
      ['{taken}:connections', async () => pod.broker.connections('taken')],
    ] as const) {
      await redis.admin.set(`${prefix}:${key}`, 'x');
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError, key).toBe(true);
      await redis.admin.del(`${prefix}:${key}`);
      await call();
    }
    expect(new Set(pod.invalid)).toContain('key taken');
    expect(pod.faults).toEqual([]);
  });

  it.each(['e', 'o', 'f', 't', 'm', 'x', 's'])(
    'as %s of a stream starts it again, and is reported as a gap',
    async (field) => {
      const { pod, prefix } = await startPod();
      if (field === 'e') await redis.admin.hdel(`${prefix}:{${ROOM}}:meta`, field);
      else await redis.admin.hset(`${prefix}:{${ROOM}}:meta`, field, 'junk');
      await expect(pod.publish(ROOM, PAYLOAD)).resolves.toMatchObject({ offset: 1 });
      await until(() => expect(pod.gaps).toHaveLength(1));
    },
  );

  it('into the history is reported, skipped, and reported as a gap to those who miss it', async () => {
    const { pod, prefix } = await startPod();
    const log = `${prefix}:{${ROOM}}:log`;
    await redis.admin.xadd(log, `2-${Date.now()}`, 'other', 'fields');
    await redis.admin.hset(`${prefix}:{${ROOM}}:meta`, 'o', 2);
    expect(await pod.offsets(ROOM, { reverse: true })).toEqual([1]);
    expect(pod.invalid).toEqual([`publication ${ROOM}`]);
    await pod.publish(ROOM, PAYLOAD);
    await until(() => expect(pod.gaps).toHaveLength(1));
    await until(() => expect(pod.delivered(ROOM).map(({ offset }) => offset)).toEqual([1, 3]));
  });

  it('into the history with a later id starts the stream again, and does not stop publishes', async () => {
    const { pod, prefix } = await startPod();
    await redis.admin.xadd(`${prefix}:{${ROOM}}:log`, '*', 'p', PAYLOAD);
    await expect(pod.publish(ROOM, PAYLOAD)).resolves.toMatchObject({ offset: 1 });
    await until(() => expect(pod.gaps).toHaveLength(1));
    await delivers(pod);
    expect(pod.faults).toEqual([]);
  });
});

/** Invalid answers, answers without a command, and pushes without a meaning, in RESP2 and RESP3. */
const GARBAGE = [
  'garbage\r\n',
  '\0\0\0',
  '\r\n',
  ':\r\n',
  ':x\r\n',
  ':1\r\n',
  '+OK\r\n',
  '-ERR x\r\n',
  '-MOVED 1 a:b\r\n',
  '_\r\n',
  '#t\r\n',
  '#x\r\n',
  ',nan\r\n',
  ',1e\r\n',
  '(12345678901234567890\r\n',
  '=5\r\ntxt:x\r\n',
  '=1\r\nx\r\n',
  '!5\r\nERR x\r\n',
  '$-1\r\n',
  '$5\r\nab',
  '$x\r\n',
  '$?\r\n;4\r\nabcd\r\n;0\r\n',
  '$99999999999\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*3\r\n:1\r\n',
  '*1\r\n_\r\n',
  '*?\r\n:1\r\n.\r\n',
  '*99999999\r\n',
  '*99999999999\r\n',
  '+OK\r\n$%\r\n+A\r\n',
  '*9\r\n+OK\r\n$%\r\n+A\r\n',
  '*1\r\n'.repeat(20_000),
  '%1\r\n',
  '%1\r\n_\r\n_\r\n',
  '%99999999\r\n',
  '~1\r\n_\r\n',
  '~99999999\r\n',
  '|1\r\n+a\r\n+b\r\n:1\r\n',
  '>0\r\n',
  '>-1\r\n',
  '>1\r\n_\r\n',
  '>1\r\n:1\r\n',
  '>1\r\n*0\r\n',
  '>1\r\n$6\r\nfoobar\r\n',
  '>1\r\n$7\r\nmessage\r\n',
  '>2\r\n$7\r\nmessage\r\n$-1\r\n',
  '>3\r\n$7\r\nmessage\r\n_\r\n_\r\n',
  '>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n',
  '>3\r\n$8\r\nsmessage\r\n_\r\n_\r\n',
  '>4\r\n$8\r\npmessage\r\n_\r\n_\r\n_\r\n',
  '>1\r\n$9\r\nsubscribe\r\n',
  '>3\r\n$9\r\nsubscribe\r\n_\r\n_\r\n',
  '>3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n',
  '>3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n',
  '>3\r\n$12\r\nsunsubscribe\r\n$1\r\nx\r\n:0\r\n',
  '>3\r\n$10\r\ninvalidate\r\n_\r\n_\r\n',
];

/** How often it is injected: between two answers, and during a command. */
const CHUNK = 14;
const chunks = Array.from({ length: Math.ceil(GARBAGE.length / CHUNK) }, (_, index) =>
  GARBAGE.slice(index * CHUNK, (index + 1) * CHUNK),
);

describe('data from a server that does not speak RESP', () => {
  it.each(chunks.map((garbage, index) => [index + 1, garbage] as const))(
    'ends the connection and not the process (part %i)',
    async (_, garbage) => {
      await Promise.all(
        garbage.map(async (text) => {
          const proxy = await FaultyProxy.start(redis.port);
          onTestFinished(async () => proxy.close());
          const { pod } = await startPod(proxy.url);
          proxy.inject(text);
          void Promise.allSettled([pod.publish(ROOM, PAYLOAD), pod.broker.members(ROOM, { limit: 1 })]);
          proxy.inject(text);
          await delivers(pod);
          expect(pod.faults).toEqual([]);
        }),
      );
    },
  );

  it('with random bytes changed is survived, even while a connection is opened', async () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const proxy = await FaultyProxy.start(redis.port);
    onTestFinished(async () => proxy.close());
    const { pod } = await startPod(proxy.url);
    proxy.transform = (data) => {
      for (let changes = random(3); changes > 0; changes -= 1) data[random(data.length)] = random(256);
      return random(8) === 0 ? data.subarray(0, random(data.length)) : data;
    };
    const end = performance.now() + 4_000;
    while (performance.now() < end) {
      await Promise.allSettled([
        pod.publish(ROOM, PAYLOAD),
        pod.broker.subscribe(`room ${random(1_000)}`, LASTING),
        pod.broker.history(ROOM, { limit: 10 }),
        pod.broker.members(ROOM, { limit: 10 }),
        pod.broker.connections('u'),
        pod.broker.channels({ limit: 10 }),
        sleep(10),
      ]);
    }
    proxy.transform = (data) => data;
    await delivers(pod);
    expect(pod.faults).toEqual([]);
  });
});

describe('the guard of the parser', () => {
  it.each([
    ['*10000000\r\n', true],
    [':1\r\n%99999999\r\n', true],
    ['*9999999\r\n', false],
    ['$5\r\n*1234\r\n', false],
    ['$20\r\nx *99999999999 said\r\n', false],
  ])('%j: %s', (text, isTooMuch) => {
    expect(announcesTooMuch(Buffer.from(text))).toBe(isTooMuch);
  });
});
