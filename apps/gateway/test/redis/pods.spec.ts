import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { runClient } from '../support/backends/run.js';
import { describePlainPublish } from '../support/plain-publish.js';
import { PodProcess, startPods } from '../support/pod-process.js';
import { describeTwoPods, refusedUpgrade, urlOf } from '../support/two-pods.js';

const CHANNEL = 'chat:lobby';
const NODES = ['here', 'there'] as const;

let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start();
}, 600_000);
afterAll(() => redis.close());

async function emptied(): Promise<string> {
  await redis.admin.flushall();
  return redis.url;
}

describeTwoPods('Redis', emptied);

describePlainPublish('redis-cli', async () => ({
  url: await emptied(),
  async publish(messages) {
    const commands = messages.map(({ channel, body, key }) => {
      const values = ['channel', channel, 'data', body, ...(key === undefined ? [] : ['key', key])];
      return ['XADD', 'holdfast:{inbox}:inbox', '*', ...values].map((value) => JSON.stringify(value)).join(' ');
    });
    const output = await runClient('redis-cli', ['-p', `${redis.port}`], `${commands.join('\n')}\n`);
    expect(output.match(/^\d+-\d+$/gm)).toHaveLength(messages.length);
  },
}));

describe('two gateway processes whose Redis fails', () => {
  it('a blocked user stays blocked when Redis has lost its data: the pods store the block again', async () => {
    const [here, there] = await startPods(await emptied(), NODES);
    const until = Date.now() + 600_000;
    expect((await here.api('users/ann/disconnect', { until })).status).toBe(200);
    await eventually(async () => expect(await refusedUpgrade(await urlOf(there, 'ann'))).toBe(403));
    await redis.kill();
    for (const pod of [here, there]) {
      await eventually(async () => expect((await pod.health('ready')).broker).toMatchObject({ status: 'degraded' }));
    }
    await redis.run();
    await eventually(async () => expect(await redis.admin.exists('holdfast:{!refusals}:log')).toBe(1));
    await Promise.all([here, there].map(async ({ process }) => process.stop('SIGKILL')));
    const later = await PodProcess.start(redis.url, 'later');
    expect(await refusedUpgrade(await urlOf(later, 'ann'))).toBe(403);
    expect((await later.connect({ sub: 'bob' })).welcome.user).toBe('bob');
  });

  it('a client that requested presence receives the whole list again when its pod may have missed something', async () => {
    const [here, there] = await startPods(await emptied(), NODES);
    const watcher = await here.connect({ sub: 'watcher' });
    await watcher.subscribe(CHANNEL, { presence: true });
    const [bob, cid] = [await there.connect({ sub: 'bob' }), await there.connect({ sub: 'cid' })];
    for (const client of [bob, cid]) await client.subscribe(CHANNEL);
    await redis.admin.call('client', 'kill', 'type', 'pubsub');
    await bob.close();
    const { data } = await watcher.next('members');
    expect(data).toMatchObject({ channel: CHANNEL, members: [{ user: 'watcher' }, { user: 'cid' }], count: 2 });
    expect(bob.of('members')).toEqual([]);
    expect(cid.of('members')).toEqual([]);
  });
});
