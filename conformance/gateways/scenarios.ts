import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CLOSE,
  CONNECT_SUBPROTOCOL,
  SESSION_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
  type ErrorCode,
  type Welcome,
} from '@holdfast/protocol';
import { eventually } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import type { GatewayContext } from './context.ts';
import type { RawClient } from './raw-client.ts';

export const GATEWAY_SCENARIOS: readonly Scenario<GatewayContext>[] = [
  {
    name: 'begins with a welcome',
    level: 'must',
    section: 'Connecting',
    async run({ connect }) {
      const client = await connect();
      const { client: id, session, node, ping, maxPayload, keyWindow } = await welcomeOf(client);
      assert.equal(client.frames[0]?.event, 'welcome', 'the first frame');
      for (const text of [id, node]) assert.equal(typeof text, 'string');
      assert.match(session, /^[\w-]{32}$/, 'the session');
      for (const number of [ping, maxPayload, keyWindow]) assert(number > 0, 'a number of the welcome');
    },
  },
  {
    name: `echoes ${SUBPROTOCOL} and no other subprotocol`,
    level: 'must',
    section: 'Connecting',
    async run({ connect }) {
      const { protocol } = await connect({ protocols: ['another-protocol', SUBPROTOCOL] });
      assert.equal(protocol, SUBPROTOCOL);
    },
  },
  {
    name: 'speaks the protocol to clients that offer no subprotocol',
    level: 'must',
    section: 'Connecting',
    async run({ connect }) {
      const client = await connect({ protocols: [] });
      assert.equal(client.protocol, '');
      await welcomeOf(client);
    },
  },
  {
    name: 'keeps the client id of a session that is presented, and assigns new ones otherwise',
    level: 'must',
    section: 'Sessions',
    async run({ connect }) {
      const { client, session } = await welcomeOf(await connect());
      const protocols = [SUBPROTOCOL, `${SESSION_SUBPROTOCOL_PREFIX}${session}`];
      const again = await connect({ protocols });
      assert.equal(again.protocol, SUBPROTOCOL, 'the session must not be echoed');
      assert.equal((await welcomeOf(again)).client, client);
      assert.notEqual((await welcomeOf(await connect())).client, client);
    },
  },
  {
    name: 'answers with the id of the request, a number or a string',
    level: 'must',
    section: 'Frames',
    async run({ connect, channel }) {
      const client = await connect();
      for (const id of [7, 'seven', 0, 's'.repeat(64)]) {
        client.begin('subscribe', { channel: `${channel}-${id}` }, id);
        assert.equal((await client.answer(id)).event, 'reply');
      }
    },
  },
  ...(
    [
      ['text that is not JSON', 'subscribe', 'malformed'],
      ['JSON that is not an object', '[1]', 'malformed'],
      ['an event that is not a string', '{"event":7}', 'malformed'],
      ['an invalid id', '{"event":"ping","id":{}}', 'malformed'],
      ['an unknown event', '{"event":"conformance has no such event"}', 'unknown_event'],
      ['a request that needs an id', '{"event":"subscribe","data":{"channel":"a"}}', 'id_required'],
    ] as const
  ).map(([what, text, code]) => badFrame(what, text, code)),
  badFrame('a binary frame', Buffer.from('{"event":"ping"}'), 'binary_unsupported'),
  ...(
    [
      ['a channel that is not a string', 'subscribe', { channel: 1 }, 'invalid'],
      ['an invalid channel name', 'subscribe', { channel: 'not a channel' }, 'invalid_channel'],
      ['an unknown member', 'presence', { channel: 'a', more: 1 }, 'invalid'],
      ['since and last at once', 'subscribe', { channel: 'a', last: 1, since: { epoch: 'e', offset: 0 } }, 'invalid'],
      ['a limit out of range', 'history', { channel: 'a', limit: 0 }, 'invalid'],
      ['a publish without data', 'publish', { channel: 'a' }, 'invalid'],
    ] as const
  ).map(([what, event, data, code]): Scenario<GatewayContext> => ({
    name: `refuses ${what} as ${code}`,
    level: 'must',
    section: 'Frames',
    async run({ connect }) {
      const client = await connect();
      const error = await client.refusal(event, data);
      assert.equal(error.code, code);
      assert.equal(error.retryable, false);
      assert.equal(typeof error.message, 'string');
      await client.request('ping');
    },
  })),
  {
    name: 'refuses requests that are invalid in the current state',
    level: 'must',
    section: 'Requests',
    async run({ connect, channel }) {
      const client = await connect();
      const { user } = await welcomeOf(client);
      assert.equal((await client.refusal('unsubscribe', { channel })).code, 'not_subscribed');
      await client.request('subscribe', { channel });
      assert.equal((await client.refusal('subscribe', { channel })).code, 'already_subscribed');
      // Somebody may sign in on an anonymous connection, but not with a token that is invalid.
      const { code } = await client.refusal('connect', { token: 'another' });
      assert(code === 'already_connected' || (user === undefined && code === 'unauthorized'), `connect: ${code}`);
      await client.request('ping');
    },
  },
  {
    name: 'does not welcome a client as anonymous that sends its token in connect',
    level: 'should',
    section: 'Connecting',
    async run({ connect }) {
      const client = await connect({ protocols: [SUBPROTOCOL, CONNECT_SUBPROTOCOL] });
      assert.equal(client.protocol, SUBPROTOCOL);
      const { code } = await client.refusal('connect', { token: 'not a token' });
      assert.equal(code, 'unauthorized');
      assert.equal(client.of('welcome').length, 0, 'welcomes');
    },
  },
  {
    name: 'stores pipelined publishes in order, and refuses one whose predecessor was not stored',
    level: 'must',
    section: 'Publishing',
    async run({ connect, channel }) {
      const client = await connect();
      // Of an earlier version.
      if ((await welcomeOf(client)).pipelining !== true) return;
      const ids = [
        client.begin('publish', { channel, data: 1, key: 'one' }),
        client.begin('publish', { channel, data: 2, key: 'two', after: 'one' }),
        client.begin('publish', { channel, data: 3, key: 'three', after: 'never stored' }),
        client.begin('publish', { channel, data: 4, key: 'four', after: 'three' }),
        client.begin('publish', { channel, data: 5, key: 'five', after: 'two' }),
      ];
      const answers = await Promise.all(ids.map((id) => client.answer(id)));
      const outcomes = answers.map(({ event, data }) => (event === 'reply' ? event : data['code']));
      assert.deepEqual(outcomes, ['reply', 'reply', 'out_of_order', 'out_of_order', 'reply']);
      const { publications } = await client.request('history', { channel });
      assert.deepEqual(
        (publications as { data: number }[]).map(({ data }) => data),
        [1, 2, 5],
      );
    },
  },
  {
    name: 'handles requests for one channel in order',
    level: 'must',
    section: 'Frames',
    async run({ connect, channel }) {
      const client = await connect();
      const ids = [
        client.begin('subscribe', { channel }),
        client.begin('publish', { channel, data: 1 }),
        client.begin('unsubscribe', { channel }),
        client.begin('subscribe', { channel }),
      ];
      for (const id of ids) assert.equal((await client.answer(id)).event, 'reply');
      const answered = client.frames.flatMap((frame) => ('id' in frame && frame.id !== undefined ? [frame.id] : []));
      assert.deepEqual(answered, ids, 'the order of the answers');
    },
  },
  {
    name: 'delivers the same messages to every subscriber, with consecutive offsets',
    level: 'must',
    section: 'Events from the gateway',
    async run({ connect, channel }) {
      const subscribers = [await connect(), await connect()];
      const starts: unknown[] = [];
      for (const client of subscribers) starts.push((await client.request('subscribe', { channel }))['offset']);
      const [publisher] = subscribers;
      for (const n of [1, 2, 3, 4, 5]) publisher?.begin('publish', { channel, data: { n } });
      assert.deepEqual(starts, [0, 0], 'a new channel begins at offset 0');
      for (const client of subscribers) {
        await messages(client, 5);
        assert.deepEqual(
          client.of('message').map(briefly),
          [1, 2, 3, 4, 5].map((n) => ({ offset: n, data: { n } })),
        );
        for (const message of client.of('message')) {
          assert.equal(message['channel'], channel);
          assert.equal(typeof message['time'], 'number');
          const { client: sender } = message['sender'] as { client: string };
          assert.equal(sender, (await welcomeOf(subscribers[0])).client, 'the sender');
        }
      }
    },
  },
  {
    name: 'sends no messages of a channel after the reply to unsubscribe',
    level: 'must',
    section: 'Requests',
    async run({ connect, channel }) {
      const [client, publisher] = [await connect(), await connect()];
      await client.request('subscribe', { channel });
      assert.deepEqual(await client.request('unsubscribe', { channel }), { channel });
      await publisher.request('publish', { channel, data: 1 });
      await client.request('ping');
      assert.equal(client.of('message').length, 0);
    },
  },
  {
    name: 'stores a publish with a key once, and refuses other data with the same key',
    level: 'must',
    section: 'Publishing',
    async run({ connect, channel }) {
      const client = await connect();
      await client.request('subscribe', { channel });
      const first = await client.request('publish', { channel, data: { n: 1 }, key: 'k' });
      assert.deepEqual(await client.request('publish', { channel, data: { n: 1 }, key: 'k' }), first);
      assert.equal((await client.refusal('publish', { channel, data: { n: 2 }, key: 'k' })).code, 'key_conflict');
      const { offset } = await client.request('publish', { channel, data: { n: 3 } });
      assert.equal(offset, Number(first['offset']) + 1);
      await messages(client, 2);
    },
  },
  {
    name: 'remembers the keys of a publisher across connections',
    level: 'must',
    section: 'Publishing',
    async run({ connect, channel }) {
      const first = await connect();
      const position = await first.request('publish', { channel, data: 1, key: 'k' });
      const { session } = await welcomeOf(first);
      const second = await connect({ protocols: [SUBPROTOCOL, `${SESSION_SUBPROTOCOL_PREFIX}${session}`] });
      assert.deepEqual(await second.request('publish', { channel, data: 1, key: 'k' }), position);
    },
  },
  {
    name: 'replays missed messages, after the reply and before anything newer',
    level: 'must',
    section: 'Positions and recovery',
    async run({ connect, channel }) {
      const [client, publisher] = [await connect(), await connect()];
      const { epoch } = await client.request('publish', { channel, data: 1 });
      await publisher.request('publish', { channel, data: 2 });
      await publisher.request('publish', { channel, data: 3 });
      const reply = await client.request('subscribe', { channel, since: { epoch, offset: 1 } });
      assert.deepEqual(reply, { channel, epoch, offset: 3, recovered: true, replay: 2 });
      await publisher.request('publish', { channel, data: 4 });
      await messages(client, 3);
      assert.deepEqual(
        client.of('message').map(briefly),
        [2, 3, 4].map((n) => ({ offset: n, data: n })),
      );
      const events = client.frames.map(({ event }) => event);
      assert(events.lastIndexOf('reply') < events.indexOf('message'), 'the reply must come before its replay');
    },
  },
  {
    name: 'replays nothing for a position of another epoch, and reports recovered: false',
    level: 'must',
    section: 'Positions and recovery',
    async run({ connect, channel }) {
      const client = await connect();
      await client.request('publish', { channel, data: 1 });
      const since = { epoch: 'of-conformance', offset: 0 };
      const { recovered, replay = 0, offset } = await client.request('subscribe', { channel, since });
      assert.deepEqual({ recovered, replay, offset }, { recovered: false, replay: 0, offset: 1 });
      await client.request('ping');
      assert.equal(client.of('message').length, 0);
    },
  },
  {
    name: 'replays recent messages for last',
    level: 'must',
    section: 'Positions and recovery',
    async run({ connect, channel }) {
      const client = await connect();
      for (const data of [1, 2, 3]) await client.request('publish', { channel, data });
      const { offset, replay } = await client.request('subscribe', { channel, last: 2 });
      assert.deepEqual({ offset, replay }, { offset: 3, replay: 2 });
      await messages(client, 2);
      assert.deepEqual(client.of('message').map(briefly), [
        { offset: 2, data: 2 },
        { offset: 3, data: 3 },
      ]);
    },
  },
  {
    name: 'returns pages of the history, in both directions',
    level: 'must',
    section: 'Positions and recovery',
    async run({ connect, channel }) {
      const client = await connect();
      for (const data of [1, 2, 3]) await client.request('publish', { channel, data });
      const page = async (more: object): Promise<unknown[]> => {
        const { publications } = await client.request('history', { channel, ...more });
        return (publications as { offset: number }[]).map(({ offset }) => offset);
      };
      assert.deepEqual(await page({}), [1, 2, 3]);
      assert.deepEqual(await page({ limit: 2 }), [1, 2]);
      assert.deepEqual(await page({ limit: 2, reverse: true }), [3, 2]);
      const { epoch, offset } = await client.request('history', { channel });
      assert.equal(offset, 3);
      assert.deepEqual(await page({ since: { epoch, offset: 2 } }), [3]);
    },
  },
  {
    name: 'reports members, joins and leaves if the namespace has presence',
    level: 'must',
    section: 'Events from the gateway',
    async run({ connect, channel }) {
      const [client, other] = [await connect(), await connect()];
      const answer = await client.answer(client.begin('subscribe', { channel, presence: true }));
      if (answer.event === 'error') {
        assert.equal(answer.data.code, 'presence_disabled');
        return;
      }
      assert.equal((answer.data as { count?: number }).count, 1);
      const { client: otherId } = await welcomeOf(other);
      await other.request('subscribe', { channel });
      await eventually('a join', () => client.of('join').length > 0);
      const { members } = await client.request('presence', { channel });
      assert((members as { client: string }[]).some((member) => member.client === otherId));
      await other.request('unsubscribe', { channel });
      const { member } = await eventually('a leave', () => client.of('leave')[0]);
      assert.equal((member as { client: string }).client, otherId);
    },
  },
  {
    name: 'answers the closing handshake',
    level: 'must',
    section: 'Close codes',
    async run({ connect }) {
      const client = await connect();
      client.close(CLOSE.normal.code);
      assert.equal(await client.closed(), CLOSE.normal.code);
    },
  },
  {
    name: `closes a connection with ${CLOSE.tooBig.code} after a frame larger than maxPayload`,
    level: 'must',
    section: 'Close codes',
    async run({ connect }) {
      const client = await connect();
      const { maxPayload } = await welcomeOf(client);
      client.send('x'.repeat(maxPayload + 1));
      assert.equal(await client.closed(), CLOSE.tooBig.code);
    },
  },
  {
    name: 'refuses an invalid token with 401, or with 4001 if the client offers the subprotocol',
    level: 'must',
    section: 'Refusals',
    async run({ connect }) {
      const client = await connect({ token: 'not-a-token' });
      assert.equal(await client.closed(), CLOSE.unauthorized.code);
      await assert.rejects(connect({ protocols: [], token: 'not-a-token' }), /401/);
    },
  },
  {
    name: 'refuses other paths with 404, and requests that are not upgrades with 426',
    level: 'must',
    section: 'Refusals',
    async run({ url }) {
      const webSocket = new URL(url.replace(/^ws/, 'http'));
      for (const [path, status, code] of [
        ['/conformance-has-no-such-path', 404, 'not_found'],
        [webSocket.pathname, 426, 'upgrade_required'],
      ] as const) {
        const answer = await fetch(new URL(path, webSocket));
        assert.equal(answer.status, status, `the status of ${path}`);
        const body = (await answer.json()) as { code: string };
        assert.equal(body.code, code);
      }
    },
  },
];

function badFrame(what: string, frame: string | Buffer, code: ErrorCode): Scenario<GatewayContext> {
  return {
    name: `answers ${what} with ${code}, and continues`,
    level: 'must',
    section: 'Frames',
    async run({ connect }) {
      const client = await connect();
      client.send(frame);
      await client.request('ping');
      assert.deepEqual(client.errors, [code]);
    },
  };
}

async function welcomeOf(client: RawClient | undefined): Promise<Welcome> {
  // Its members are checked by the scenario "begins with a welcome".
  return eventually('a welcome', () => client?.of('welcome')[0] as Welcome | undefined);
}

/** Waits for this number of messages, and briefly for an additional one. */
async function messages(client: RawClient, count: number): Promise<void> {
  await eventually(`${count} messages`, () => client.of('message').length >= count);
  await sleep(20);
  assert.equal(client.of('message').length, count, 'messages');
}

function briefly({ offset, data }: RawClient['frames'][number]['data']): unknown {
  return { offset, data };
}
