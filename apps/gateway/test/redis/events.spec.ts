import { describe, expect, it } from 'vitest';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { Backend } from '../support/backend.js';
import { startRedis } from './support/redis.js';
import { configFile, startPods } from '../support/pod-process.js';

interface SentEvent {
  readonly type: string;
  readonly data: { readonly user?: string; readonly channel?: string };
}

function linesOf({ requests }: Backend): string[] {
  return requests
    .flatMap(({ data }) => data['events'] as SentEvent[])
    .map(({ type, data: { user, channel } }) => `${type} ${channel ?? user}`);
}

describe('kill -9 of a gateway process', () => {
  it('is reported by the other pods: clients that did not return, and channels without subscribers', async ({
    annotate,
  }) => {
    const redis = await startRedis();
    const backend = await Backend.start();
    const [doomed, one, two] = await startPods(redis.url, ['doomed', 'one', 'two'], {
      HOLDFAST_WEBHOOK_SECRET: backend.secrets.join(),
      HOLDFAST_EVENTS_URL: backend.url,
      HOLDFAST_CONFIG: await configFile({ webhooks: { events: { maxDelay: 0.1 } } }),
    });
    const [stays, returns, lost] = [
      await one.connect({ sub: 'stays' }),
      await doomed.connect({ sub: 'returns' }),
      await doomed.connect({ sub: 'lost' }),
    ];
    for (const client of [stays, returns, lost]) await client.subscribe('room:shared');
    await returns.subscribe('room:moves');
    await lost.subscribe('room:lost');
    const before = [
      ...['stays', 'returns', 'lost'].map((user) => `client.connected ${user}`),
      ...['shared', 'moves', 'lost'].map((room) => `channel.occupied room:${room}`),
    ];
    await eventually(() => expect(linesOf(backend).toSorted()).toEqual(before.toSorted()));

    await doomed.process.stop('SIGKILL');
    const killed = performance.now();
    const back = await two.connect({ sub: 'returns' }, returns.welcome.session);
    await back.subscribe('room:moves');
    const after = ['client.disconnected lost', 'channel.vacated room:lost'];
    await eventually(() => expect(linesOf(backend).length).toBe(before.length + after.length), 30_000);
    await annotate(`reported ${Math.round(performance.now() - killed)} ms after the crash`);
    expect(linesOf(backend).slice(before.length).toSorted()).toEqual(after.toSorted());

    // The next reported event is everything that follows.
    await back.close();
    await eventually(() => expect(linesOf(backend).at(-1)).toBe('channel.vacated room:moves'), 15_000);
    expect(linesOf(backend).slice(before.length + after.length)).toEqual([
      'client.disconnected returns',
      'channel.vacated room:moves',
    ]);
  });
});
