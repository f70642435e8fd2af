import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBroker } from '../../src/create-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { RIGHTS } from '../support/rights.js';
import { RedisServer } from '../support/redis-servers.js';

type Change = (redis: RedisServer) => Promise<unknown>;
/** A change to the server, and its reversal. */
type Row = [name: string, code: string, refuse: Change, relent: Change];

const setting =
  (name: string, value: string): Change =>
  async ({ admin }) =>
    admin.config('SET', name, value);
const rights =
  (...rules: string[]): Change =>
  async ({ admin }) =>
    admin.call('acl', 'setuser', 'chat', ...rules);

const ROWS: Row[] = [
  ['its memory is full', 'OOM', setting('maxmemory', '1'), setting('maxmemory', '0')],
  [
    'too few replicas follow',
    'NOREPLICAS',
    setting('min-replicas-to-write', '1'),
    setting('min-replicas-to-write', '0'),
  ],
  ['its user may not use INFO', 'ERR', rights('-info'), rights('+info')],
  ['its user may not write', 'ERR', rights('-hset'), rights('+hset')],
  ['its user may not run scripts', 'NOPERM', rights('-evalsha'), rights('+evalsha')],
];

describe('the health of a broker whose Redis answers, but refuses writes', () => {
  let redis: RedisServer;
  let pod: Pod;

  beforeEach(async () => {
    redis = await RedisServer.start();
    await redis.admin.call('acl', 'setuser', 'chat', 'reset', 'on', '>hunter2', ...RIGHTS);
    pod = new Pod(createBroker(`redis://chat:hunter2@127.0.0.1:${redis.port}?prefix=chat`));
    await pod.start();
  });
  afterEach(async () => {
    await pod.close();
    await redis.close();
  });

  it.each(ROWS)(
    'because %s shows %s and what to do, until the server accepts them again',
    async (_, code, refuse, relent) => {
      await pod.broker.subscribe('news', LASTING);
      await refuse(redis);
      await until(() => expect(pod.broker.health()).toMatchObject({ status: 'down' }));
      const health = pod.broker.health();
      expect(health).toMatchObject({ reason: expect.stringContaining(`Redis refuses writes with ${code}: `) });
      await expect(pod.publish('news', 'x')).rejects.toThrow(code);
      expect(JSON.stringify(health)).not.toContain('hunter2');
      await relent(redis);
      await until(() => expect(pod.broker.health()).toEqual({ status: 'up' }));
      await pod.publish('news', 'y');
      await until(() => expect(pod.delivered('news').at(-1)?.payload).toBe('y'));
      // The connections stayed open, and with them the subscription.
      expect(pod.gaps).toEqual([]);
    },
  );

  it('stays up under load if the server accepts them', async () => {
    await pod.publishMany('news', 2_000);
    expect(pod.broker.health()).toEqual({ status: 'up' });
  });
});

describe('a Redis with another replication id behind open connections', () => {
  it('is noticed within seconds, and subscribers of quiet channels receive a gap', async () => {
    const redis = await RedisServer.start();
    const pod = new Pod(createBroker(redis.url));
    try {
      await pod.start();
      await pod.publish('quiet', 'x');
      await pod.broker.subscribe('quiet', LASTING);
      // So fast that no probe sees a replica.
      await Promise.all([redis.admin.call('replicaof', '127.0.0.1', '1'), redis.admin.call('replicaof', 'no', 'one')]);
      await until(() => expect(pod.gaps).toHaveLength(1));
      await until(() => expect(pod.broker.health()).toEqual({ status: 'up' }));
    } finally {
      await pod.close();
      await redis.close();
    }
  });
});
