import {
  BrokerUnavailableError,
  BrokerUnknownError,
  type History,
  type ChannelMember,
  type Position,
} from '@holdfast/broadcast';
import type { Members } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { Pod, settled, type PodClient } from '../../test/support/pod.js';
import { subscriptionsOf } from './subscriptions.js';
import { EPOCH, publications, ScriptedBroker, type Call } from '../../test/support/scripted-broker.js';

const CHANNEL = 'news:today';

async function start(file: object = {}): Promise<{ broker: ScriptedBroker; pod: Pod; client: PodClient }> {
  const broker = new ScriptedBroker();
  const pod = await Pod.start({ broker, file });
  return { broker, pod, client: pod.connect() };
}

function at(offset: number, epoch = EPOCH): Position {
  return { epoch, offset };
}

/** The broker's reply if the history contains `first` to `last`, and all are requested. */
function history(first: number, last: number, epoch = EPOCH): History {
  return { ...at(last, epoch), publications: publications(first, last), complete: true };
}

function newestFirst(page: History): History {
  return { ...page, publications: page.publications.toReversed() };
}

/** Answers the oldest call that is still pending. */
async function answer<T>(calls: Call<T>[], result: T): Promise<void> {
  (await oldest(calls)).resolve(result);
}

/** The error of a refused request. */
async function refusal(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => expect.unreachable('the request was not refused'),
    (error: unknown) => error,
  );
}

async function refuse<T>(calls: Call<T>[], error: Error): Promise<void> {
  (await oldest(calls)).reject(error);
}

async function oldest<T>(calls: Call<T>[]): Promise<Call<T>> {
  await settled();
  const call = calls.shift();
  if (call === undefined) throw new Error('the broker was not called');
  return call;
}

/** Reports publications `first` to `last`. */
function publish(broker: ScriptedBroker, first: number, last = first): void {
  for (const one of publications(first, last)) broker.events.onPublication(CHANNEL, one);
}

describe('a subscription at the broker', () => {
  it('is created once for all subscribers of a channel, and removed when the last one leaves', async () => {
    const { broker, pod, client } = await start();
    const other = pod.connect();
    const replies = [client.subscribe(CHANNEL), other.subscribe(CHANNEL)];
    await answer(broker.subscribes, at(3));
    expect(await Promise.all(replies)).toEqual([
      { channel: CHANNEL, ...at(3) },
      { channel: CHANNEL, ...at(3) },
    ]);
    await client.request('unsubscribe', { channel: CHANNEL });
    expect(broker.log).toEqual([`subscribe ${CHANNEL}`]);
    other.disconnect();
    expect(broker.log).toEqual([`subscribe ${CHANNEL}`, `unsubscribe ${CHANNEL}`]);
    expect(await pod.metric('holdfast_channels')).toBe(0);
  });

  it.each([
    ['unavailable', new BrokerUnavailableError()],
    ['unknown', new BrokerUnknownError()],
  ])(
    'fails with %s for all waiting clients, leaves nothing behind, and is retried for the next client',
    async (code, error) => {
      const { broker, pod, client } = await start();
      const other = pod.connect();
      const refusals = [client, other].map((one) => refusal(one.subscribe(CHANNEL)));
      await refuse(broker.subscribes, error);
      for (const data of await Promise.all(refusals)) expect(data).toMatchObject({ code, retryable: true });
      // The broker may have started it: if it did not answer in time, it must not stay subscribed for nobody.
      expect(broker.log).toEqual([`subscribe ${CHANNEL}`, `unsubscribe ${CHANNEL}`]);
      expect(await pod.metric('holdfast_channels')).toBe(0);
      expect(await pod.metric('holdfast_subscriptions')).toBe(0);

      const again = client.subscribe(CHANNEL);
      await answer(broker.subscribes, at(1));
      expect(await again).toEqual({ channel: CHANNEL, ...at(1) });
      publish(broker, 2);
      await settled();
      expect(client.offsets).toEqual([2]);
    },
  );

  it('is removed if the client leaves while it is pending, and its later failure affects nobody', async () => {
    const { broker, pod, client } = await start();
    client.send('subscribe', { channel: CHANNEL });
    await settled();
    client.disconnect();
    const next = pod.connect();
    const reply = next.subscribe(CHANNEL);
    await settled();
    expect(broker.log).toEqual([`subscribe ${CHANNEL}`, `unsubscribe ${CHANNEL}`, `subscribe ${CHANNEL}`]);
    await refuse(broker.subscribes, new BrokerUnavailableError());
    await answer(broker.subscribes, at(4));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(4) });
    publish(broker, 5);
    await settled();
    expect(next.offsets).toEqual([5]);
    expect(broker.log).toHaveLength(3);
  });

  it('is completed before an unsubscribe that follows while it is pending, and both are answered in order', async () => {
    const { broker, pod, client } = await start();
    const replies = [client.subscribe(CHANNEL), client.request('unsubscribe', { channel: CHANNEL })];
    await settled();
    expect(client.frames).toEqual([]);
    await answer(broker.subscribes, at(0));
    await Promise.all(replies);
    publish(broker, 1);
    await settled();
    expect(client.received).toEqual(['reply 0', 'reply']);
    expect(await pod.metric('holdfast_channels')).toBe(0);
  });
});

describe('an event that the broker reports before its reply to a subscribe', () => {
  it('is included in the position of the reply', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await settled();
    publish(broker, 6, 7);
    await answer(broker.subscribes, at(5));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(7) });
    publish(broker, 8);
    await settled();
    expect(client.offsets).toEqual([8]);
  });

  it('is not repeated after a replay that contains it', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await settled();
    publish(broker, 6, 7);
    await answer(broker.subscribes, at(5));
    await settled();
    publish(broker, 8);
    await answer(broker.histories, history(5, 7));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(7), recovered: true, replay: 3 });
    await settled();
    expect(client.offsets).toEqual([5, 6, 7, 8]);
  });

  it('may be a gap, which the position of the reply includes', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await settled();
    publish(broker, 6);
    broker.events.onGap(CHANNEL, at(2, 'F'));
    publish(broker, 3);
    await answer(broker.subscribes, at(5));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(3, 'F') });
    publish(broker, 4);
    await settled();
    expect(client.received).toEqual(['reply 3', 'message 4']);
  });

  it('may be a gap to the epoch that the reply then has', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await settled();
    broker.events.onGap(CHANNEL, at(3, 'F'));
    await answer(broker.subscribes, at(9, 'F'));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(9, 'F') });
    publish(broker, 10);
    await settled();
    expect(client.offsets).toEqual([10]);
  });
});

describe('promise 2: a gap during the read of a replay', () => {
  it('causes another read if it starts a new epoch, and nothing of the old epoch follows', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    publish(broker, 6);
    broker.events.onGap(CHANNEL, at(1, 'F'));
    publish(broker, 2);
    await answer(broker.histories, history(5, 6));
    await settled();
    expect(broker.histories).toHaveLength(1);
    publish(broker, 3);
    await answer(broker.histories, { ...history(1, 2, 'F'), complete: false });
    expect(await reply).toEqual({ channel: CHANNEL, ...at(2, 'F'), recovered: false, replay: 0 });
    await settled();
    expect(client.received).toEqual(['reply 2', 'message 3']);
  });

  it('causes reads until the history and this pod are in the same epoch', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { last: 10 });
    await answer(broker.subscribes, at(5));
    await settled();
    // The broker is ahead: it has not reported its new epoch yet.
    publish(broker, 6);
    await answer(broker.histories, history(1, 2, 'F'));
    await settled();
    broker.events.onGap(CHANNEL, at(0, 'F'));
    publish(broker, 1, 2);
    await answer(broker.histories, newestFirst(history(1, 2, 'F')));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(2, 'F'), replay: 2 });
    publish(broker, 3);
    await settled();
    expect(client.received).toEqual(['reply 2', 'message 1', 'message 2', 'message 3']);
  });

  it('makes the client retry if the epochs remain different', async () => {
    const { broker, pod, client } = await start();
    const refused = refusal(client.subscribe(CHANNEL, { since: at(5) }));
    await answer(broker.subscribes, at(6));
    for (let reads = 0; reads < 4; reads += 1) {
      await answer(broker.histories, history(1, 2, 'F'));
    }
    expect(await refused).toMatchObject({ code: 'unavailable' });
    publish(broker, 7);
    await settled();
    expect(client.received).toEqual(['error']);
    expect(await pod.metric('holdfast_subscriptions')).toBe(0);
  });

  it('is sent after the replay if it is in the same epoch', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(6));
    await settled();
    publish(broker, 7, 8);
    broker.events.onGap(CHANNEL, at(20));
    publish(broker, 21);
    await answer(broker.histories, history(5, 7));
    await reply;
    await settled();
    expect(client.received).toEqual([
      'reply 7',
      'message 5',
      'message 6',
      'message 7',
      'message 8',
      'gap 20',
      'message 21',
    ]);
  });

  it('is not sent if the replay already covers it', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    broker.events.onGap(CHANNEL, at(6));
    publish(broker, 7, 8);
    await answer(broker.histories, history(5, 7));
    await reply;
    await settled();
    expect(client.received).toEqual(['reply 7', 'message 5', 'message 6', 'message 7', 'message 8']);
  });

  it('follows the reply if it arrives after the read and before the reply', async () => {
    const { broker, client } = await start();
    broker.holdJoins = true;
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await answer(broker.histories, history(5, 6));
    await settled();
    publish(broker, 6, 7);
    broker.events.onGap(CHANNEL, at(3, 'F'));
    publish(broker, 4);
    await answer(broker.joins, undefined);
    expect(await reply).toEqual({ channel: CHANNEL, ...at(6), recovered: true, replay: 2 });
    await settled();
    expect(client.received).toEqual(['reply 6', 'message 5', 'message 6', 'message 7', 'gap 3', 'message 4']);
  });

  it('follows the replay if it arrives while the replay is being sent', async () => {
    const { broker, client } = await start({ connection: { maxPayload: 1024, maxBuffered: 2048 } });
    const reply = client.subscribe(CHANNEL, { since: at(0) });
    await answer(broker.subscribes, at(20));
    await settled();
    client.socket.pauseWrites();
    await answer(broker.histories, history(1, 20));
    await settled();
    broker.events.onGap(CHANNEL, at(0, 'F'));
    publish(broker, 1);
    client.socket.resumeWrites();
    await reply;
    await settled();
    expect(client.received.slice(0, 3)).toEqual(['reply 20', 'message 1', 'message 2']);
    expect(client.received.slice(-3)).toEqual(['message 20', 'gap 0', 'message 1']);
    expect(client.received).toHaveLength(23);
  });
});

describe('promise 1: a broker whose events and history are out of step', () => {
  it('may deliver a message after the replay that contained it: the client receives it only once', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    publish(broker, 6);
    await answer(broker.histories, history(5, 9));
    expect(await reply).toMatchObject({ offset: 9, replay: 5 });
    publish(broker, 7);
    await settled();
    publish(broker, 8, 11);
    await settled();
    expect(client.offsets).toEqual([5, 6, 7, 8, 9, 10, 11]);
  });

  it('may return a history that is behind: it is read again instead of leaving a hole', async () => {
    const { broker, pod, client } = await start();
    const first = client.subscribe(CHANNEL);
    await answer(broker.subscribes, at(5));
    await first;
    publish(broker, 6, 8);
    const other = pod.connect();
    const reply = other.subscribe(CHANNEL, { since: at(5) });
    await settled();
    publish(broker, 9);
    await answer(broker.histories, history(6, 6));
    await answer(broker.histories, history(6, 9));
    expect(await reply).toMatchObject({ recovered: true, replay: 4, offset: 9 });
    publish(broker, 10);
    await settled();
    expect(other.offsets).toEqual([6, 7, 8, 9, 10]);
  });
});

describe('a resume that needs no history', () => {
  it('is answered from the position that this pod knows', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(5) });
    await answer(broker.subscribes, at(5));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(5), recovered: true, replay: 0 });
    expect(broker.histories).toEqual([]);
  });

  it('is not recovered if more messages are missing than a replay may contain', async () => {
    const { broker, pod } = await start({ replay: { maxMessages: 10 } });
    const replies = [89, 90].map((offset) => pod.connect().subscribe(CHANNEL, { since: at(offset) }));
    await answer(broker.subscribes, at(100));
    expect(await replies[0]).toEqual({ channel: CHANNEL, ...at(100), recovered: false, replay: 0 });
    await answer(broker.histories, history(91, 100));
    expect(await replies[1]).toMatchObject({ recovered: true, replay: 10 });
    expect(broker.histories).toEqual([]);
  });
});

/** Answers all pending calls, and publishes. */
async function finish(broker: ScriptedBroker): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await settled();
    broker.subscribes.shift()?.resolve(at(5));
    broker.histories.shift()?.resolve(history(5, 5));
    broker.joins.shift()?.resolve();
  }
  publish(broker, 6);
  await settled();
}

describe('a subscription that ends before its reply', () => {
  const MOMENTS: [string, (broker: ScriptedBroker) => Promise<void>][] = [
    ['the broker subscribed', async () => settled()],
    [
      'the replay was read',
      async (broker) => {
        await answer(broker.subscribes, at(5));
        await settled();
      },
    ],
    [
      'its client was a member',
      async (broker) => {
        await answer(broker.subscribes, at(5));
        await answer(broker.histories, history(5, 5));
        await settled();
      },
    ],
  ];

  it.each(MOMENTS)(
    'because it was kicked before %s is refused, and leaves no member behind',
    async (_moment, until) => {
      const { broker, pod, client } = await start();
      broker.holdJoins = true;
      const refused = refusal(client.subscribe(CHANNEL, { since: at(4) }));
      await until(broker);
      pod.channels.kickFrom(client.connection, CHANNEL);
      await finish(broker);
      expect(await refused).toMatchObject({ code: 'forbidden' });
      expect(client.received).toEqual(['unsubscribed', 'error']);
      expect(broker.present.size).toBe(0);
      expect(subscriptionsOf(client.connection)?.size).toBe(0);
      expect(await pod.metric('holdfast_subscriptions')).toBe(0);

      const again = client.subscribe(CHANNEL);
      await answer(broker.subscribes, at(7));
      await answer(broker.joins, undefined);
      expect(await again).toEqual({ channel: CHANNEL, ...at(7) });
    },
  );

  it.each(MOMENTS)('because its connection closed before %s leaves no member behind', async (_moment, until) => {
    const { broker, pod, client } = await start();
    broker.holdJoins = true;
    client.send('subscribe', { channel: CHANNEL, since: at(4) });
    await until(broker);
    client.disconnect(1000);
    await finish(broker);
    expect(client.frames).toEqual([]);
    expect(broker.present.size).toBe(0);
    expect(await pod.metric('holdfast_subscriptions')).toBe(0);
    expect(await pod.metric('holdfast_channels')).toBe(0);
  });
});

describe('promise 7: messages that wait for the reply to a subscribe', () => {
  it('are bounded: beyond the budget the connection is closed, the client can resume, and nothing more is stored', async () => {
    const { broker, client } = await start({ connection: { maxPayload: 1024, maxBuffered: 2048 } });
    client.send('subscribe', { channel: CHANNEL, since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    publish(broker, 6, 1_000);
    expect(client.webSocket.closedWith).toBe(1013);
    await answer(broker.histories, history(5, 1_000));
    await settled();
    expect(client.frames).toEqual([]);
  });
});

it('the frames of a replay are identical to the live ones, byte for byte', async () => {
  const { broker, pod, client } = await start();
  const live = client.subscribe(CHANNEL);
  await answer(broker.subscribes, at(0));
  await live;
  publish(broker, 1, 2);
  const late = pod.connect();
  const reply = late.subscribe(CHANNEL, { last: 5 });
  await settled();
  await answer(broker.histories, newestFirst(history(1, 2)));
  await reply;
  await settled();
  expect(late.texts.slice(1)).toEqual(client.texts.slice(1));
});

function member(client: string): ChannelMember {
  return { client, details: JSON.stringify({ user: client }) };
}

/** The presence events that a client received, as text. */
function presenceOf({ frames }: PodClient): string[] {
  return frames.flatMap(({ event, data }) => {
    if (event === 'members') {
      const { members, count } = data as unknown as Members;
      return [`members ${members.map(({ client }) => client).join()} of ${count}`];
    }
    return event === 'join' || event === 'leave' ? [`${event} ${(data['member'] as ChannelMember).client}`] : [];
  });
}

/** One client asked for presence, the other did not. */
async function watch(): Promise<{ broker: ScriptedBroker; watcher: PodClient; other: PodClient }> {
  const { broker, pod, client } = await start();
  const other = pod.connect();
  const replies = [client.subscribe(CHANNEL, { presence: true }), other.subscribe(CHANNEL)];
  await answer(broker.subscribes, at(5));
  await Promise.all(replies);
  broker.holdMembers = true;
  return { broker, watcher: client, other };
}

describe('a presence gap', () => {
  it('makes the pod read the list of members once, and send it to the clients that asked for presence', async () => {
    const { broker, watcher, other } = await watch();
    broker.events.onPresenceGap(CHANNEL);
    await answer(broker.memberLists, { members: [member('ann')], count: 7 });
    await settled();
    expect(presenceOf(watcher)).toEqual(['members ann of 7']);
    expect(watcher.frames.at(-1)?.data).toMatchObject({ channel: CHANNEL, members: [{ client: 'ann', user: 'ann' }] });
    expect(presenceOf(other)).toEqual([]);
    expect(broker.memberLists).toEqual([]);
  });

  it('costs nothing if no client asked for presence', async () => {
    const { broker, pod, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await answer(broker.subscribes, at(5));
    await reply;
    broker.holdMembers = true;
    broker.events.onPresenceGap(CHANNEL);
    broker.events.onPresenceGap('chat:elsewhere');
    await settled();
    expect(broker.memberLists).toEqual([]);
    expect(await pod.metric('holdfast_channels')).toBe(1);
  });

  it('delays joins and leaves until the list is read, because the list may be older', async () => {
    const { broker, watcher } = await watch();
    broker.events.onPresenceGap(CHANNEL);
    broker.events.onLeave(CHANNEL, member('ann'));
    broker.events.onJoin(CHANNEL, member('bob'));
    await settled();
    expect(presenceOf(watcher)).toEqual([]);
    await answer(broker.memberLists, { members: [member('ann')], count: 1 });
    await settled();
    expect(presenceOf(watcher)).toEqual(['members ann of 1', 'leave ann', 'join bob']);
    broker.events.onJoin(CHANNEL, member('cid'));
    await settled();
    expect(presenceOf(watcher).at(-1)).toBe('join cid');
  });

  it('is reported once, with the later list, if another one follows', async () => {
    const { broker, watcher } = await watch();
    broker.events.onPresenceGap(CHANNEL);
    broker.events.onJoin(CHANNEL, member('bob'));
    broker.events.onPresenceGap(CHANNEL);
    await answer(broker.memberLists, { members: [member('ann')], count: 1 });
    await settled();
    expect(presenceOf(watcher)).toEqual([]);
    await answer(broker.memberLists, { members: [member('bob')], count: 1 });
    await settled();
    expect(presenceOf(watcher)).toEqual(['members bob of 1']);
  });

  it('does not hold back joins and leaves if the list cannot be read', async () => {
    const { broker, watcher } = await watch();
    broker.events.onPresenceGap(CHANNEL);
    broker.events.onJoin(CHANNEL, member('bob'));
    await refuse(broker.memberLists, new BrokerUnavailableError());
    await settled();
    expect(presenceOf(watcher)).toEqual(['join bob']);
  });
});
