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

/** What the broker answers if the stream holds `first` to `last`, and is asked for them all. */
function history(first: number, last: number, epoch = EPOCH): History {
  return { ...at(last, epoch), publications: publications(first, last), complete: true };
}

function newestFirst(page: History): History {
  return { ...page, publications: page.publications.toReversed() };
}

/** Answers the oldest call that the test has not answered yet. */
async function answer<T>(calls: Call<T>[], result: T): Promise<void> {
  (await oldest(calls)).resolve(result);
}

/** The error of a request that is refused. */
async function refusal(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => expect.unreachable('it was not refused'),
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

/** Tells of publications `first` to `last`. */
function publish(broker: ScriptedBroker, first: number, last = first): void {
  for (const one of publications(first, last)) broker.tell.onPublication(CHANNEL, one);
}

describe('subscribing at the broker', () => {
  it('is done once for all subscribers of a channel, and undone when the last one leaves', async () => {
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
  ])('fails with %s for all who wait, leaves nothing behind, and is tried again for the next', async (code, error) => {
    const { broker, pod, client } = await start();
    const other = pod.connect();
    const refusals = [client, other].map((one) => refusal(one.subscribe(CHANNEL)));
    await refuse(broker.subscribes, error);
    for (const data of await Promise.all(refusals)) expect(data).toMatchObject({ code, retryable: true });
    // It may have begun: a broker that did not answer in time must not go on for nobody.
    expect(broker.log).toEqual([`subscribe ${CHANNEL}`, `unsubscribe ${CHANNEL}`]);
    expect(await pod.metric('holdfast_channels')).toBe(0);
    expect(await pod.metric('holdfast_subscriptions')).toBe(0);

    const again = client.subscribe(CHANNEL);
    await answer(broker.subscribes, at(1));
    expect(await again).toEqual({ channel: CHANNEL, ...at(1) });
    publish(broker, 2);
    await settled();
    expect(client.offsets).toEqual([2]);
  });

  it('takes its time while the client leaves: the broker is let go, and a failure later harms nobody', async () => {
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

  it('takes its time while the client asks to unsubscribe: both are answered, in order', async () => {
    const { broker, pod, client } = await start();
    const replies = [client.subscribe(CHANNEL), client.request('unsubscribe', { channel: CHANNEL })];
    await settled();
    expect(client.frames).toEqual([]);
    await answer(broker.subscribes, at(0));
    await Promise.all(replies);
    publish(broker, 1);
    await settled();
    expect(client.story).toEqual(['reply 0', 'reply']);
    expect(await pod.metric('holdfast_channels')).toBe(0);
  });
});

describe('what the broker tells before its subscribe is answered', () => {
  it('is counted in the position of the reply', async () => {
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

  it('is not repeated behind a replay that holds it', async () => {
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

  it('may be a gap, which the reply counts in', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await settled();
    publish(broker, 6);
    broker.tell.onGap(CHANNEL, at(2, 'F'));
    publish(broker, 3);
    await answer(broker.subscribes, at(5));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(3, 'F') });
    publish(broker, 4);
    await settled();
    expect(client.story).toEqual(['reply 3', 'message 4']);
  });

  it('may be a gap of the very epoch that it then answers', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await settled();
    broker.tell.onGap(CHANNEL, at(3, 'F'));
    await answer(broker.subscribes, at(9, 'F'));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(9, 'F') });
    publish(broker, 10);
    await settled();
    expect(client.offsets).toEqual([10]);
  });
});

describe('promise 2: a gap while the replay is read', () => {
  it('reads the stream again if it begins a new epoch, and nothing of the old one follows', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    publish(broker, 6);
    broker.tell.onGap(CHANNEL, at(1, 'F'));
    publish(broker, 2);
    await answer(broker.histories, history(5, 6));
    await settled();
    expect(broker.histories).toHaveLength(1);
    publish(broker, 3);
    await answer(broker.histories, { ...history(1, 2, 'F'), complete: false });
    expect(await reply).toEqual({ channel: CHANNEL, ...at(2, 'F'), recovered: false, replay: 0 });
    await settled();
    expect(client.story).toEqual(['reply 2', 'message 3']);
  });

  it('reads again until the stream and this pod are in one epoch', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { last: 10 });
    await answer(broker.subscribes, at(5));
    await settled();
    // The broker is ahead: its new epoch was not told yet.
    publish(broker, 6);
    await answer(broker.histories, history(1, 2, 'F'));
    await settled();
    broker.tell.onGap(CHANNEL, at(0, 'F'));
    publish(broker, 1, 2);
    await answer(broker.histories, newestFirst(history(1, 2, 'F')));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(2, 'F'), replay: 2 });
    publish(broker, 3);
    await settled();
    expect(client.story).toEqual(['reply 2', 'message 1', 'message 2', 'message 3']);
  });

  it('asks the client to come again when they stay apart', async () => {
    const { broker, pod, client } = await start();
    const refused = refusal(client.subscribe(CHANNEL, { since: at(5) }));
    await answer(broker.subscribes, at(6));
    for (let reads = 0; reads < 4; reads += 1) {
      await answer(broker.histories, history(1, 2, 'F'));
    }
    expect(await refused).toMatchObject({ code: 'unavailable' });
    publish(broker, 7);
    await settled();
    expect(client.story).toEqual(['error']);
    expect(await pod.metric('holdfast_subscriptions')).toBe(0);
  });

  it('is sent after the replay if it is of the same epoch', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(6));
    await settled();
    publish(broker, 7, 8);
    broker.tell.onGap(CHANNEL, at(20));
    publish(broker, 21);
    await answer(broker.histories, history(5, 7));
    await reply;
    await settled();
    expect(client.story).toEqual([
      'reply 7',
      'message 5',
      'message 6',
      'message 7',
      'message 8',
      'gap 20',
      'message 21',
    ]);
  });

  it('is none for a client whose replay reaches beyond it', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await settled();
    broker.tell.onGap(CHANNEL, at(6));
    publish(broker, 7, 8);
    await answer(broker.histories, history(5, 7));
    await reply;
    await settled();
    expect(client.story).toEqual(['reply 7', 'message 5', 'message 6', 'message 7', 'message 8']);
  });

  it('follows the reply if it comes after the read and before the answer', async () => {
    const { broker, client } = await start();
    broker.holdJoins = true;
    const reply = client.subscribe(CHANNEL, { since: at(4) });
    await answer(broker.subscribes, at(5));
    await answer(broker.histories, history(5, 6));
    await settled();
    publish(broker, 6, 7);
    broker.tell.onGap(CHANNEL, at(3, 'F'));
    publish(broker, 4);
    await answer(broker.joins, undefined);
    expect(await reply).toEqual({ channel: CHANNEL, ...at(6), recovered: true, replay: 2 });
    await settled();
    expect(client.story).toEqual(['reply 6', 'message 5', 'message 6', 'message 7', 'gap 3', 'message 4']);
  });

  it('follows the replay if it comes in the middle of it', async () => {
    const { broker, client } = await start({ connection: { maxPayload: 1024, maxBuffered: 2048 } });
    const reply = client.subscribe(CHANNEL, { since: at(0) });
    await answer(broker.subscribes, at(20));
    await settled();
    client.socket.pauseWrites();
    await answer(broker.histories, history(1, 20));
    await settled();
    broker.tell.onGap(CHANNEL, at(0, 'F'));
    publish(broker, 1);
    client.socket.resumeWrites();
    await reply;
    await settled();
    expect(client.story.slice(0, 3)).toEqual(['reply 20', 'message 1', 'message 2']);
    expect(client.story.slice(-3)).toEqual(['message 20', 'gap 0', 'message 1']);
    expect(client.story).toHaveLength(23);
  });
});

describe('promise 1: a broker that is not in step with its own history', () => {
  it('may tell late of what a replay held: it is not sent twice, neither before nor after the client is live', async () => {
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

  it('may have lost what it told: it is read again, for there would be a hole', async () => {
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
  it('is answered from the position that this pod was told', async () => {
    const { broker, client } = await start();
    const reply = client.subscribe(CHANNEL, { since: at(5) });
    await answer(broker.subscribes, at(5));
    expect(await reply).toEqual({ channel: CHANNEL, ...at(5), recovered: true, replay: 0 });
    expect(broker.histories).toEqual([]);
  });

  it('is not recovered if more is missing than is replayed', async () => {
    const { broker, pod } = await start({ replay: { maxMessages: 10 } });
    const replies = [89, 90].map((offset) => pod.connect().subscribe(CHANNEL, { since: at(offset) }));
    await answer(broker.subscribes, at(100));
    expect(await replies[0]).toEqual({ channel: CHANNEL, ...at(100), recovered: false, replay: 0 });
    await answer(broker.histories, history(91, 100));
    expect(await replies[1]).toMatchObject({ recovered: true, replay: 10 });
    expect(broker.histories).toEqual([]);
  });
});

/** Answers everything that is still asked, and publishes. */
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

describe('a subscription that ends before it is answered', () => {
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

  it.each(MOMENTS)('as it was kicked before %s, is refused, and nobody stays behind', async (_moment, until) => {
    const { broker, pod, client } = await start();
    broker.holdJoins = true;
    const refused = refusal(client.subscribe(CHANNEL, { since: at(4) }));
    await until(broker);
    pod.channels.kickFrom(client.connection, CHANNEL);
    await finish(broker);
    expect(await refused).toMatchObject({ code: 'forbidden' });
    expect(client.story).toEqual(['unsubscribed', 'error']);
    expect(broker.present.size).toBe(0);
    expect(subscriptionsOf(client.connection)?.size).toBe(0);
    expect(await pod.metric('holdfast_subscriptions')).toBe(0);

    const again = client.subscribe(CHANNEL);
    await answer(broker.subscribes, at(7));
    await answer(broker.joins, undefined);
    expect(await again).toEqual({ channel: CHANNEL, ...at(7) });
  });

  it.each(MOMENTS)('as its connection closed before %s, leaves nobody behind', async (_moment, until) => {
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

describe('promise 7: what waits for a subscription to be answered', () => {
  it('is bounded: beyond the budget the connection is closed, resumable, and nothing more is kept', async () => {
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

it('the frames of a replay are the very bytes of the live ones', async () => {
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

/** What a client was told of members, as text. */
function told({ frames }: PodClient): string[] {
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

describe('a gap in presence', () => {
  it('has the list read again, once for all, and told to those who asked for presence', async () => {
    const { broker, watcher, other } = await watch();
    broker.tell.onPresenceGap(CHANNEL);
    await answer(broker.memberLists, { members: [member('ann')], count: 7 });
    await settled();
    expect(told(watcher)).toEqual(['members ann of 7']);
    expect(watcher.frames.at(-1)?.data).toMatchObject({ channel: CHANNEL, members: [{ client: 'ann', user: 'ann' }] });
    expect(told(other)).toEqual([]);
    expect(broker.memberLists).toEqual([]);
  });

  it('costs nothing if nobody asked for presence', async () => {
    const { broker, pod, client } = await start();
    const reply = client.subscribe(CHANNEL);
    await answer(broker.subscribes, at(5));
    await reply;
    broker.holdMembers = true;
    broker.tell.onPresenceGap(CHANNEL);
    broker.tell.onPresenceGap('chat:elsewhere');
    await settled();
    expect(broker.memberLists).toEqual([]);
    expect(await pod.metric('holdfast_channels')).toBe(1);
  });

  it('has joins and leaves wait that come while the list is read: it may be older', async () => {
    const { broker, watcher } = await watch();
    broker.tell.onPresenceGap(CHANNEL);
    broker.tell.onLeave(CHANNEL, member('ann'));
    broker.tell.onJoin(CHANNEL, member('bob'));
    await settled();
    expect(told(watcher)).toEqual([]);
    await answer(broker.memberLists, { members: [member('ann')], count: 1 });
    await settled();
    expect(told(watcher)).toEqual(['members ann of 1', 'leave ann', 'join bob']);
    broker.tell.onJoin(CHANNEL, member('cid'));
    await settled();
    expect(told(watcher).at(-1)).toBe('join cid');
  });

  it('is sent once if another one follows, with the later list', async () => {
    const { broker, watcher } = await watch();
    broker.tell.onPresenceGap(CHANNEL);
    broker.tell.onJoin(CHANNEL, member('bob'));
    broker.tell.onPresenceGap(CHANNEL);
    await answer(broker.memberLists, { members: [member('ann')], count: 1 });
    await settled();
    expect(told(watcher)).toEqual([]);
    await answer(broker.memberLists, { members: [member('bob')], count: 1 });
    await settled();
    expect(told(watcher)).toEqual(['members bob of 1']);
  });

  it('lets joins and leaves through if the list cannot be read', async () => {
    const { broker, watcher } = await watch();
    broker.tell.onPresenceGap(CHANNEL);
    broker.tell.onJoin(CHANNEL, member('bob'));
    await refuse(broker.memberLists, new BrokerUnavailableError());
    await settled();
    expect(told(watcher)).toEqual(['join bob']);
  });
});
