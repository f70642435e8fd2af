import { expect, it } from 'vitest';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { MOVE_WITHIN_MS } from '../../src/connection/connection.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { startRedis } from './support/redis.js';
import { PodProcess, startPods } from '../support/pod-process.js';

const CHANNEL = 'room:1';
/** Nothing listens there. */
const CLOSED_PORT = 1;

async function membersSeenBy(pod: PodProcess): Promise<unknown> {
  return (await pod.api(`channels/${CHANNEL}/presence`)).body;
}

async function connectionsOf(pod: PodProcess, user: string): Promise<unknown> {
  return (await pod.api(`users/${user}/connections`)).body['connections'];
}

it(
  'a client stays visible on its older connection after a newer one on another pod has opened and closed',
  { timeout: 180_000 },
  async () => {
    const redis = await startRedis();
    const [here, there] = await startPods(redis.url, ['here', 'there']);
    const older = await here.connect({ sub: 'ann' });
    const { client, session } = older.welcome;
    await older.subscribe(CHANNEL);
    const newer = await there.connect({ sub: 'ann' }, session);
    await newer.subscribe(CHANNEL);
    await eventually(async () => expect(await connectionsOf(here, 'ann')).toMatchObject([{ node: 'there' }]));
    await newer.close();
    await eventually(async () => {
      expect(await connectionsOf(there, 'ann')).toMatchObject([{ client, node: 'here' }]);
      expect(await membersSeenBy(there)).toMatchObject({ members: [{ client }] });
    });
    await older.close();
    await eventually(async () => {
      expect(await connectionsOf(there, 'ann')).toEqual([]);
      expect(await membersSeenBy(there)).toMatchObject({ count: 0 });
    });
  },
);

it(
  'the older of two connections is closed even if its pod was cut off from Redis when the newer one was opened',
  { timeout: 180_000 },
  async () => {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis.port);
    const [there, cutOff] = await Promise.all([
      PodProcess.start(redis.url, 'there'),
      PodProcess.start(`redis://127.0.0.1:${proxy.port}`, 'cut-off'),
    ]);
    const older = await cutOff.connect({ sub: 'ann' });
    await older.subscribe(CHANNEL);
    proxy.target = CLOSED_PORT;
    proxy.cut();
    await eventually(async () => expect((await cutOff.health('ready')).broker).toMatchObject({ status: 'degraded' }));
    const newer = await there.connect({ sub: 'ann' }, older.welcome.session);
    await newer.subscribe(CHANNEL);
    proxy.target = redis.port;
    await eventually(async () => expect((await cutOff.health('ready')).broker).toEqual({ status: 'up' }));
    const back = performance.now();
    expect(await older.closed).toMatchObject({ code: 4010 });
    expect(performance.now() - back).toBeGreaterThan(MOVE_WITHIN_MS / 2);
    expect(await connectionsOf(there, 'ann')).toMatchObject([{ client: newer.welcome.client, node: 'there' }]);
    expect(await membersSeenBy(there)).toMatchObject({ count: 1 });
    expect(await newer.request('ping')).toEqual({});
  },
);
