import { expect, it } from 'vitest';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { refusal } from '../support/connect-as.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { signToken } from '../support/tokens.js';
import { startRedis } from './support/redis.js';
import { PodProcess } from '../support/pod-process.js';

/** Nothing listens there. */
const CLOSED_PORT = 1;

it(
  'a pod that was cut off from Redis catches up with disconnects, blocks and unsubscribes of its connected users',
  { timeout: 180_000 },
  async () => {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis.port);
    const [here, sut] = await Promise.all([
      PodProcess.start(redis.url, 'here'),
      PodProcess.start(`redis://127.0.0.1:${proxy.port}`, 'cut-off'),
    ]);
    const [ann, bob, cid, dan] = await Promise.all(
      ['ann', 'bob', 'cid', 'dan'].map(async (sub) => {
        const client = await sut.connect({ sub });
        await client.subscribe('chat:lobby');
        return client;
      }),
    );
    proxy.target = CLOSED_PORT;
    proxy.cut();
    await eventually(async () => expect((await sut.health('ready')).broker).toMatchObject({ status: 'degraded' }));

    const until = Date.now() + 600_000;
    expect((await here.api('users/ann/disconnect', { until })).status).toBe(200);
    expect((await here.api('users/bob/disconnect', {})).status).toBe(200);
    expect((await here.api('users/cid/unsubscribe', { channel: 'chat:lobby' })).status).toBe(200);
    // The pod cannot know yet.
    expect(await ann?.request('ping')).toEqual({});

    proxy.target = redis.port;
    expect(await ann?.closed).toMatchObject({ code: 4009 });
    expect(await bob?.closed).toMatchObject({ code: 4009 });
    expect((await cid?.next('unsubscribed'))?.data).toEqual({ channel: 'chat:lobby', code: 'kicked' });
    // A user who returns is not disconnected again, and others are not affected.
    const again = await sut.connect({ sub: 'bob' });
    await cid?.subscribe('chat:lobby');
    const token = await signToken({ sub: 'dan' });
    expect(await dan?.request('refresh', { token })).toEqual({});
    await eventually(async () => expect((await sut.health('ready')).broker).toEqual({ status: 'up' }));
    expect(await again.request('ping')).toEqual({});
    expect(cid?.of('unsubscribed')).toHaveLength(1);
    expect(dan?.of('unsubscribed')).toEqual([]);
    expect(await refusal(sut.connect({ sub: 'ann' }))).toBeDefined();
  },
);
