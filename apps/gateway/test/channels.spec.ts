import { SUBPROTOCOL, type Json } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { BROKER, type Broker } from '@holdfast/broadcast';
import { connectAs, refusal } from './support/connect-as.js';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import { TestClient } from './support/test-client.js';

const CHANNEL = 'chat:lobby';

/** Publishes `{"n": 1}` to `{"n": count}`; returns the last position. */
async function publishMany(
  client: TestClient,
  count: number,
  channel = CHANNEL,
): Promise<{ epoch: string; offset: number }> {
  let position = { epoch: '', offset: 0 };
  for (let n = 1; n <= count; n += 1) position = await client.publish(channel, { n });
  return position;
}

/** The text of the client's message frames. */
function messageTexts({ texts }: TestClient): string[] {
  return texts.filter((text) => text.startsWith('{"event":"message"'));
}

async function publishByApi({ url }: TestGateway, path: string, body: object): Promise<Response> {
  return fetch(`${url}/api/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe('subscribe', () => {
  it("returns the channel's position, with offset 0 if nothing was published yet", async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    const reply = await client.subscribe(CHANNEL);
    expect(reply).toEqual({ channel: CHANNEL, epoch: expect.stringMatching(/^.{1,64}$/), offset: 0 });
    const position = await publishMany(client, 3);
    expect(position).toEqual({ epoch: reply.epoch, offset: 3 });
    const other = await gateway.connect();
    expect(await other.subscribe(CHANNEL)).toEqual({ channel: CHANNEL, ...position });
  });

  it('to a subscribed channel is refused with already_subscribed, and the subscription continues', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    expect(await refusal(client.subscribe(CHANNEL, { last: 1 }))).toMatchObject({ code: 'already_subscribed' });
    await publishMany(client, 1);
    await client.messages(CHANNEL, 1);
    await client.request('unsubscribe', { channel: CHANNEL });
    expect(await client.subscribe(CHANNEL)).toMatchObject({ offset: 1 });
  });

  it('works in a namespace without history and presence', async () => {
    const gateway = await startGateway({ namespaces: { bare: { history: { size: 0 }, presence: false } } });
    const client = await gateway.connect();
    expect(await refusal(client.subscribe('bare:x', { presence: true }))).toMatchObject({ code: 'presence_disabled' });
    expect(await refusal(client.subscribe('bare:x', { last: 1 }))).toMatchObject({ code: 'history_disabled' });
    expect(await refusal(client.request('history', { channel: 'bare:x' }))).toMatchObject({ code: 'history_disabled' });
    expect(await refusal(client.request('presence', { channel: 'bare:x' }))).toMatchObject({
      code: 'presence_disabled',
    });
    expect(await client.subscribe('bare:x')).toMatchObject({ offset: 0 });
  });
});

describe('unsubscribe', () => {
  it('from a channel without a subscription is refused with not_subscribed', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    expect(await refusal(client.request('unsubscribe', { channel: CHANNEL }))).toMatchObject({
      code: 'not_subscribed',
    });
    await client.subscribe(CHANNEL);
    expect(await client.request('unsubscribe', { channel: CHANNEL })).toEqual({ channel: CHANNEL });
    expect(await refusal(client.request('unsubscribe', { channel: CHANNEL }))).toMatchObject({
      code: 'not_subscribed',
    });
  });

  it('ends the messages: none follows the reply', async () => {
    const gateway = await startGateway();
    const [client, other] = [await gateway.connect(), await gateway.connect()];
    for (const one of [client, other]) await one.subscribe(CHANNEL);
    await client.request('unsubscribe', { channel: CHANNEL });
    await publishMany(client, 2);
    await other.messages(CHANNEL, 2);
    await client.request('ping', undefined);
    expect(client.offsets(CHANNEL)).toEqual([]);
  });
});

describe('publish', () => {
  it('is confirmed once the broker has stored the message', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    const broker = gateway.app.get<Broker>(BROKER);
    const position = await client.publish(CHANNEL, { text: 'hi' });
    expect(await broker.history(CHANNEL, { limit: 1 })).toMatchObject({ ...position, publications: [{ offset: 1 }] });
  });

  it('reaches every subscriber, including the publisher, with identical bytes, live and in replays', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const others = [await gateway.connect(), await gateway.connect()];
    for (const client of [alice, ...others]) await client.subscribe(CHANNEL);
    const data: Json[] = [
      null,
      0,
      '',
      '"\\\u2028\u0000',
      [],
      {},
      { text: 'Grüße, 世界 👋', nested: [{ a: null }] },
      'x'.repeat(60_000),
    ];
    for (const one of data) await alice.publish(CHANNEL, one);
    await others[0]?.publish(CHANNEL, 'from a guest', 'key-1');
    for (const client of [alice, ...others]) await client.messages(CHANNEL, data.length + 1);
    const late = await gateway.connect();
    await late.subscribe(CHANNEL, { last: 100 });
    await late.messages(CHANNEL, data.length + 1);
    for (const client of [...others, late]) expect(messageTexts(client)).toEqual(messageTexts(alice));

    const messages = alice.of('message').map((frame) => frame.data);
    expect(messages.map((message) => message['data'])).toEqual([...data, 'from a guest']);
    expect(messages[0]).toEqual({
      channel: CHANNEL,
      offset: 1,
      time: expect.any(Number),
      data: null,
      sender: { client: alice.welcome.client, user: 'alice' },
    });
    expect(messages.at(-1)).toMatchObject({ sender: { client: others[0]?.welcome.client }, key: 'key-1' });
    expect(messages.at(-1)?.['sender']).not.toHaveProperty('user');
  });

  it('through the API has no sender', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    await publishByApi(gateway, 'publish', { channel: CHANNEL, data: 1 });
    const [message] = await client.messages(CHANNEL, 1);
    expect(message?.data).toEqual({ channel: CHANNEL, offset: 1, time: expect.any(Number), data: 1 });
  });

  it('is refused with too_large if the stored message, including the sender, would exceed maxPayload', async () => {
    const gateway = await startGateway({ connection: { maxPayload: 2048 } });
    const client = await connectAs(gateway, { sub: 'u'.repeat(200) });
    expect(await refusal(client.publish(CHANNEL, 'x'.repeat(1_900)))).toMatchObject({ code: 'too_large' });
    const answer = await publishByApi(gateway, 'publish', { channel: CHANNEL, data: 'ü'.repeat(1_500) });
    expect([answer.status, await answer.json()]).toMatchObject([413, { code: 'too_large' }]);
    expect(await client.publish(CHANNEL, 'x'.repeat(1_500))).toMatchObject({ offset: 1 });
  });

  it('is refused if data is nested so deeply that reading or writing it could overflow the stack', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    // A member with this name makes JSON.stringify use its recursive path.
    const publish = (id: number, data: string): string =>
      `{"event":"publish","id":${id},"data":{"channel":"${CHANNEL}","data":${data}}}`;
    client.send(publish(101, nested(129)));
    expect(await client.answer(101)).toMatchObject({ event: 'error', data: { code: 'invalid' } });
    client.send(publish(102, nested(30_000)));
    expect(await client.answer(102)).toMatchObject({ event: 'error', data: { code: 'invalid' } });
    client.send(publish(103, nested(128)));
    expect(await client.answer(103)).toMatchObject({ event: 'reply', data: { offset: 1 } });
    expect((await client.request('history', { channel: CHANNEL })).publications).toHaveLength(1);
  });
});

function nested(levels: number): string {
  return `${'['.repeat(levels - 1)}{"toJSON":1}${']'.repeat(levels - 1)}`;
}

describe('promise 1: order', () => {
  it('every subscriber of a channel sees offsets rise by one, however many clients publish', async () => {
    const gateway = await startGateway();
    const clients = await Promise.all(Array.from({ length: 4 }, () => gateway.connect()));
    for (const client of clients) await client.subscribe(CHANNEL);
    await Promise.all(clients.map((client) => publishMany(client, 50)));
    for (const client of clients) {
      await client.messages(CHANNEL, 200);
      expect(client.offsets(CHANNEL)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    }
    expect(new Set(clients.map((client) => messageTexts(client).join('\n'))).size).toBe(1);
  });

  it('the messages of one client keep their order, also on its own channel by both of its names', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await alice.subscribe('@me');
    const publishes = Array.from({ length: 20 }, (_, n) => alice.publish(n % 2 === 0 ? '@me' : '@alice', n));
    expect((await Promise.all(publishes)).map(({ offset }) => offset)).toEqual(publishes.map((_, index) => index + 1));
    const messages = await alice.messages('@alice', 20);
    expect(messages.map(({ data }) => data['data'])).toEqual(publishes.map((_, index) => index));
  });
});

describe('promise 4: idempotent publish', () => {
  it('with the same key returns the same position, and stores the message once', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    const first = await client.publish(CHANNEL, { n: 1 }, 'k');
    await client.publish(CHANNEL, { n: 2 });
    expect(await client.publish(CHANNEL, { n: 1 }, 'k')).toEqual(first);
    const { publications } = await client.request('history', { channel: CHANNEL });
    expect(publications.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }]);
    await client.messages(CHANNEL, 2);
    expect(client.offsets(CHANNEL)).toEqual([1, 2]);
  });

  it('with the same key and other data is refused with key_conflict', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    await client.publish(CHANNEL, { n: 1 }, 'k');
    expect(await refusal(client.publish(CHANNEL, { n: 2 }, 'k'))).toMatchObject({ code: 'key_conflict' });
    expect(await client.publish(CHANNEL, { n: 2 }, 'k2')).toMatchObject({ offset: 2 });
  });

  it('does not share keys between channels or between anonymous clients', async () => {
    const gateway = await startGateway();
    const [client, other] = [await gateway.connect(), await gateway.connect()];
    await client.publish(CHANNEL, 1, 'k');
    expect(await client.publish('chat:other', 2, 'k')).toMatchObject({ offset: 1 });
    expect(await other.publish(CHANNEL, 3, 'k')).toMatchObject({ offset: 2 });
  });

  it('shares keys between all connections of a user, and with a resumed session', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const first = await alice.publish(CHANNEL, 1, 'k');
    expect(await (await connectAs(gateway, { sub: 'alice' })).publish(CHANNEL, 1, 'k')).toEqual(first);
    expect(await (await connectAs(gateway, { sub: 'bob' })).publish(CHANNEL, 1, 'k')).toMatchObject({ offset: 2 });

    const guest = await gateway.connect();
    const third = await guest.publish(CHANNEL, 1, 'k');
    guest.webSocket.terminate();
    const again = await TestClient.connect(gateway.webSocketUrl, [SUBPROTOCOL, `session.${guest.welcome.session}`]);
    expect(await again.publish(CHANNEL, 1, 'k')).toEqual(third);
  });

  it('remembers keys as long as the welcome says', async () => {
    const gateway = await startGateway({ keyWindow: 1 });
    const client = await gateway.connect();
    expect(client.welcome.keyWindow).toBe(1_000);
    const first = await client.publish(CHANNEL, 1, 'k');
    expect(await client.publish(CHANNEL, 1, 'k')).toEqual(first);
    await expect
      .poll(async () => (await client.publish(CHANNEL, 1, 'k')).offset, { timeout: 5_000, interval: 100 })
      .toBe(2);
  });
});

describe('subscribe with last', () => {
  it('replays up to this many recent messages, after the reply', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    const position = await publishMany(client, 5);
    const joining = await gateway.connect();
    expect(await joining.subscribe(CHANNEL, { last: 3 })).toEqual({ channel: CHANNEL, ...position, replay: 3 });
    await client.publish(CHANNEL, { n: 6 });
    await joining.messages(CHANNEL, 4);
    expect(joining.frames.slice(1).map(({ event }) => event)).toEqual(['reply', ...Array(4).fill('message')]);
    expect(joining.offsets(CHANNEL)).toEqual([3, 4, 5, 6]);
    expect(await (await gateway.connect()).subscribe(CHANNEL, { last: 1_000 })).toMatchObject({ replay: 6 });
    expect(await (await gateway.connect()).subscribe('chat:empty', { last: 1 })).toMatchObject({
      offset: 0,
      replay: 0,
    });
  });

  it('replays fewer if they are large: the latest that fit', async () => {
    const gateway = await startGateway({ replay: { maxBytes: 4096 } });
    const client = await gateway.connect();
    for (let n = 0; n < 6; n += 1) await client.publish(CHANNEL, 'x'.repeat(1_000));
    const joining = await gateway.connect();
    expect(await joining.subscribe(CHANNEL, { last: 6 })).toMatchObject({ offset: 6, replay: 3 });
    await joining.messages(CHANNEL, 3);
    expect(joining.offsets(CHANNEL)).toEqual([4, 5, 6]);
    await client.publish(CHANNEL, 'x'.repeat(10_000));
    expect(await (await gateway.connect()).subscribe(CHANNEL, { last: 6 })).toMatchObject({ offset: 7, replay: 0 });
  });
});

describe('history', () => {
  it('returns pages forwards and backwards, from a position, and the current position', async () => {
    const gateway = await startGateway();
    const client = await gateway.connect();
    const position = await publishMany(client, 10);
    const page = async (query: object): Promise<number[]> => {
      const { publications, ...at } = await client.request('history', { channel: CHANNEL, ...query });
      expect(at).toEqual(position);
      return publications.map(({ offset }) => offset);
    };
    const since = { ...position, offset: 4 };
    expect(await page({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await page({ limit: 3 })).toEqual([1, 2, 3]);
    expect(await page({ limit: 3, reverse: true })).toEqual([10, 9, 8]);
    expect(await page({ since, limit: 2 })).toEqual([5, 6]);
    expect(await page({ since, limit: 2, reverse: true })).toEqual([3, 2]);
    expect(await page({ since: position })).toEqual([]);
  });

  it('contains publications as they were delivered', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await alice.subscribe(CHANNEL);
    await alice.publish(CHANNEL, { text: 'hi' }, 'k');
    const [message] = await alice.messages(CHANNEL, 1);
    const { publications } = await alice.request('history', { channel: CHANNEL });
    expect([{ channel: CHANNEL, ...publications[0] }]).toEqual([message?.data]);
  });

  it.each([{ limit: -1 }, { limit: 0 }, { limit: 1e9 }, { limit: 1.5 }, { since: { epoch: 'x', offset: -1 } }])(
    'is refused with invalid: %o',
    async (query) => {
      const gateway = await startGateway();
      const client = await gateway.connect();
      expect(await refusal(client.request('history', { channel: CHANNEL, ...query }))).toMatchObject({
        code: 'invalid',
      });
    },
  );

  it('returns pages that fit into the budget of a connection, with at least one publication each', async () => {
    const gateway = await startGateway({ connection: { maxPayload: 8192, maxBuffered: 16_384 } });
    const client = await gateway.connect();
    for (let n = 0; n < 5; n += 1) await client.publish(CHANNEL, 'x'.repeat(2_000));
    await client.publish(CHANNEL, 'x'.repeat(7_000));
    const offsets: number[][] = [];
    const { epoch } = await client.request('history', { channel: CHANNEL, limit: 1 });
    for (let offset = 0; offset < 6; offset = offsets.at(-1)?.at(-1) ?? Infinity) {
      const { publications } = await client.request('history', { channel: CHANNEL, since: { epoch, offset } });
      offsets.push(publications.map((publication) => publication.offset));
    }
    expect(offsets).toEqual([[1, 2, 3], [4, 5], [6]]);
  });
});

describe("a user's own channel", () => {
  it('can be called @me in requests, and has its full name in frames', async () => {
    const gateway = await startGateway();
    const user = 'ann@example.com/ü (1)';
    const name = '@ann%40example.com%2F%C3%BC%20%281%29';
    const ann = await connectAs(gateway, { sub: user });
    const same = await connectAs(gateway, { sub: user });
    expect(await ann.subscribe('@me')).toMatchObject({ channel: name });
    expect(await refusal(ann.subscribe(name))).toMatchObject({ code: 'already_subscribed' });
    expect(await same.subscribe(name)).toMatchObject({ channel: name });
    await publishByApi(gateway, `users/${encodeURIComponent(user)}/publish`, { data: 'to ann' });
    for (const client of [ann, same]) {
      expect((await client.messages(name, 1))[0]?.data).toMatchObject({ channel: name, data: 'to ann' });
    }
    expect((await ann.request('history', { channel: '@me' })).publications).toHaveLength(1);
    expect((await ann.request('presence', { channel: '@me' })).count).toBe(2);
    expect(await ann.request('unsubscribe', { channel: '@me' })).toEqual({ channel: name });
    expect(await refusal(ann.request('unsubscribe', { channel: '@me' }))).toMatchObject({ code: 'not_subscribed' });
  });

  it.each([{ sub: 'bob', channels: ['*', '@*', '@ann'], publish: ['*', '@*', '@ann'] }, { channels: ['*', '@ann'] }])(
    'is not accessible to others: %o',
    async (claims) => {
      const gateway = await startGateway({ namespaces: { '@': { publish: 'granted' } } });
      const other = await connectAs(gateway, claims);
      for (const channel of ['@ann', '@ann%2F', '@%61nn', '@ANN']) {
        expect(await refusal(other.subscribe(channel))).toMatchObject({ code: 'forbidden' });
        expect(await refusal(other.request('history', { channel }))).toMatchObject({ code: 'forbidden' });
        expect(await refusal(other.request('presence', { channel }))).toMatchObject({ code: 'forbidden' });
        expect(await refusal(other.publish(channel, 1))).toMatchObject({ code: 'forbidden' });
      }
    },
  );

  it('does not exist for an anonymous connection', async () => {
    const gateway = await startGateway();
    const guest = await gateway.connect();
    expect(await refusal(guest.subscribe('@me'))).toMatchObject({ code: 'forbidden' });
    expect(await refusal(guest.publish('@me', 1))).toMatchObject({ code: 'forbidden' });
    expect(await refusal(guest.request('history', { channel: '@me' }))).toMatchObject({ code: 'forbidden' });
    expect(await refusal(guest.request('unsubscribe', { channel: '@me' }))).toMatchObject({ code: 'forbidden' });
  });
});
