import { describe, expect, it } from 'vitest';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startRedis } from './support/redis.js';
import { configFile, PodProcess } from '../support/pod-process.js';

const CHANNEL = 'room';
const LIVE = `holdfast:{${CHANNEL}}:live`;
const SIGNALS = 'holdfast:{signals}:signals';
const WARNING = 'skipped invalid data from the broker';

/** A pod stores none of these, and most would make a frame that no client can read. */
const PAYLOADS = [
  'null',
  '',
  'text',
  '{}',
  '[]',
  '{"data":}',
  '{"data":1}}',
  ' {"data":1}',
  '{"data":1,"channel":"other"}',
  '{"data":1,"offset":9}',
  '{"data":1,"sender":5}',
  '{"data":1,"key":{}}',
];

/** A pod, and the number of rejected inputs by kind. */
async function start(redis: RedisServer): Promise<{ sut: PodProcess; rejected: (kind: string) => Promise<number> }> {
  const management = await freePort();
  const sut = await PodProcess.start(redis.url, 'pod', {
    NODE_ENV: 'production',
    HOLDFAST_MANAGEMENT_PORT: String(management),
    HOLDFAST_CONFIG: await configFile({
      namespaceDefaults: { subscribe: 'anyone', publish: 'anyone', presence: true },
    }),
  });
  return {
    sut,
    rejected: async (kind) => {
      const text = await (await fetch(`http://127.0.0.1:${management}/metrics`)).text();
      const line = text.split('\n').find((one) => one.includes(`broker_input_rejected_total{kind="${kind}"}`));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
  };
}

function warnings(sut: PodProcess, kind: string): number {
  return sut.process
    .output()
    .split('\n')
    .filter((line) => line.includes(WARNING) && line.includes(`"kind":"${kind}"`)).length;
}

describe('data in the broker that this release did not store', () => {
  it.each([
    ['signal', ['test', 'null', '', '{}', '[]', '{"type":"later","user":"a"}', '{"type":"disconnect"}', '{{{']],
    ['message', ['', 'junk', 'jnull', 'j{}', 'j{"client":"a","details":1}', 'pe 1 1', `pe ${'9'.repeat(400)} 1 {}`]],
    ['details', ['not json', 'null', '[]', '"x"', '{"user":1}', `{"info":${'['.repeat(9_000)}${']'.repeat(9_000)}}`]],
  ])('is skipped if it is an invalid %s, counted each time and logged once', async (kind, texts) => {
    const redis = await startRedis();
    const { sut, rejected } = await start(redis);
    const client = await sut.connect({ sub: 'alice' });
    await client.request('subscribe', { channel: CHANNEL, presence: true });
    for (const text of texts) {
      const message = kind === 'details' ? `j${JSON.stringify({ client: 'a', details: text })}` : text;
      await redis.admin.publish(kind === 'signal' ? SIGNALS : LIVE, message);
    }
    await eventually(async () => expect(await rejected(kind)).toBe(texts.length));
    expect(warnings(sut, kind)).toBe(1);
    expect(sut.process.output()).not.toContain('junk');
    await client.publish(CHANNEL, 'hello');
    await client.messages(CHANNEL, 1);
    expect(client.of('join')).toEqual([]);
  });

  it('causes a gap if it is the payload of a message: for subscribers, in replays and in the history', async () => {
    const redis = await startRedis();
    const { sut, rejected } = await start(redis);
    const [client, other] = [await sut.connect({ sub: 'alice' }), await sut.connect({ sub: 'bob' })];
    for (const [index, payload] of PAYLOADS.entries()) {
      const channel = `${CHANNEL}.${index}`;
      const { epoch } = await client.subscribe(channel);
      await client.publish(channel, 'first');
      const time = Date.now();
      await redis.admin.hset(`holdfast:{${channel}}:meta`, 'o', 2);
      await redis.admin.xadd(`holdfast:{${channel}}:log`, `2-${time}`, 'p', payload);
      const before = await rejected('payload');
      await redis.admin.publish(`holdfast:{${channel}}:live`, `p${epoch} 2 ${time} ${payload}`);
      await client.publish(channel, 'third');
      const received = (event: string): unknown[] => client.of(event).filter(({ data }) => data['channel'] === channel);
      await eventually(() => expect(received('message'), payload).toHaveLength(2));
      expect(received('gap'), payload).toMatchObject([{ data: { channel, epoch, offset: 2 } }]);
      await eventually(async () => expect(await rejected('payload')).toBeGreaterThan(before));

      const since = { epoch, offset: 1 };
      expect(await other.request('subscribe', { channel, since }), payload).toMatchObject({ recovered: false });
      const { publications } = await other.request('history', { channel });
      expect(publications.map(({ data }) => data)).toEqual(['first', 'third']);
    }
    expect(warnings(sut, 'payload')).toBe(1);
  });

  it('does not make a pod unready if it is in the list of blocked users, and the others stay blocked', async () => {
    const redis = await startRedis();
    const { sut } = await start(redis);
    const until = Date.now() + 60_000;
    await sut.api('users/mallory/disconnect', { until });
    const log = 'holdfast:{!refusals}:log';
    for (const [offset, payload] of ['{bad', 'null', '{"user":1}'].entries()) {
      await redis.admin.xadd(log, `${offset + 2}-${Date.now()}`, 'p', payload);
    }
    await redis.admin.hset('holdfast:{!refusals}:meta', 'o', 4);
    await redis.admin.hset('holdfast:{alice}:connections', 'x', 'junk');
    await sut.process.stop('SIGKILL');
    const { sut: later, rejected } = await start(redis);
    await eventually(async () => expect(await rejected('refusal')).toBe(3));
    expect((await later.health('ready')).status).toBe(200);
    await expect(later.connect({ sub: 'mallory' })).rejects.toThrow('closed before');
    expect(await later.api('users/alice/connections')).toMatchObject({ status: 200, body: { connections: [] } });
  });
});
