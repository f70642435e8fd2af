import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLOSE, SUBPROTOCOL, type CloseName } from '@holdfast/protocol';
import type { FakeGateway, Peer } from '../../libs/client/test/fake-gateway.ts';
import { eventually, never } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { CHANNEL, type ClientContext } from './context.ts';
import type { Testee } from './testee.ts';

/** A client may wait a long time before it reconnects. */
const RECONNECTS = { timeout: 30_000, interval: 10 };

/** How long to watch that a client does not reconnect. */
const STAYS_DISCONNECTED_MS = 2_000;

export const CLIENT_SCENARIOS: readonly Scenario<ClientContext>[] = [
  {
    name: `offers ${SUBPROTOCOL}`,
    level: 'must',
    section: 'Connecting',
    async run(context) {
      const { first } = await subscribed(context);
      assert(first.protocols.includes(SUBPROTOCOL), `the client offered ${first.protocols.join(', ')}`);
    },
  },
  {
    name: 'does not put the token or the session into the URL',
    level: 'should',
    section: 'Connecting',
    async run(context) {
      const { gateway, first } = await subscribed(context);
      first.socket.terminate();
      const second = await gateway.peer(2, RECONNECTS);
      for (const { url } of [first, second]) assert(!url.includes('?'), `the client connected to ${url}`);
    },
  },
  {
    name: 'delivers messages in order',
    level: 'must',
    section: 'Events from the gateway',
    async run(context) {
      const { gateway, testee } = await subscribed(context);
      for (let n = 1; n <= 20; n += 1) gateway.publish(CHANNEL, n);
      await hasSeen(testee, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    },
  },
  {
    name: 'ignores unknown events and members',
    level: 'must',
    section: 'Events from the gateway',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      first.socket.send('{"event":"of-a-later-version","data":{"channel":"conformance:room"}}');
      const message = { channel: CHANNEL, offset: 1, data: 'a', time: 0, later: { version: true } };
      gateway.stream(CHANNEL).messages.push(message);
      first.send('message', message);
      gateway.publish(CHANNEL, 'b');
      await hasSeen(testee, [1, 2]);
    },
  },
  {
    name: 'resumes after a lost connection, and delivers each message once',
    level: 'must',
    section: 'Positions and recovery',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      await hasSeen(testee, [1]);
      first.socket.terminate();
      gateway.publish(CHANNEL, 'b', []);
      gateway.publish(CHANNEL, 'c', []);
      await expectSince(await subscribedPeer(gateway, 2), { epoch: 'e1', offset: 1 });
      gateway.publish(CHANNEL, 'd');
      await hasSeen(testee, [1, 2, 3, 4]);
    },
  },
  {
    name: 'resumes from the position of the reply if no message has arrived since',
    level: 'must',
    section: 'Positions and recovery',
    async run(context) {
      const { gateway } = context;
      gateway.publish(CHANNEL, 'before the client');
      const { testee, first } = await subscribed(context);
      first.socket.terminate();
      gateway.publish(CHANNEL, 'missed', []);
      await expectSince(await subscribedPeer(gateway, 2), { epoch: 'e1', offset: 1 });
      await hasSeen(testee, [2]);
    },
  },
  {
    name: 'presents its session when it reconnects',
    level: 'should',
    section: 'Sessions',
    async run(context) {
      const { gateway, first } = await subscribed(context);
      first.socket.terminate();
      const second = await subscribedPeer(gateway, 2);
      assert.equal(second.session, gateway.welcome(first).session, 'the client did not present its session');
    },
  },
  {
    name: 'reports messages that the history no longer contains, before anything newer',
    level: 'must',
    section: 'Positions and recovery',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      await hasSeen(testee, [1]);
      first.socket.terminate();
      gateway.publish(CHANNEL, 'lost', []);
      gateway.trim(CHANNEL);
      await subscribedPeer(gateway, 2);
      gateway.publish(CHANNEL, 'c');
      await hasSeen(testee, [1, 'gap', 3]);
    },
  },
  {
    name: 'reports a new epoch, and continues with its first offset',
    level: 'must',
    section: 'Positions and recovery',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      gateway.publish(CHANNEL, 'b');
      await hasSeen(testee, [1, 2]);
      first.socket.terminate();
      gateway.restart(CHANNEL, 'e2');
      const second = await subscribedPeer(gateway, 2);
      gateway.publish(CHANNEL, 'first again');
      await hasSeen(testee, [1, 2, 'gap', 1]);
      second.socket.terminate();
      await expectSince(await subscribedPeer(gateway, 3), { epoch: 'e2', offset: 1 });
    },
  },
  {
    name: 'reports a gap, and resumes from its position',
    level: 'must',
    section: 'Positions and recovery',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      for (const lost of ['b', 'c']) gateway.publish(CHANNEL, lost, []);
      first.send('gap', { channel: CHANNEL, epoch: 'e1', offset: 3 });
      await hasSeen(testee, [1, 'gap']);
      first.socket.terminate();
      await expectSince(await subscribedPeer(gateway, 2), { epoch: 'e1', offset: 3 });
      gateway.publish(CHANNEL, 'd');
      await hasSeen(testee, [1, 'gap', 4]);
    },
  },
  {
    name: 'opens the next connection before it closes the old one, if it is asked to reconnect',
    level: 'should',
    section: 'Moving to another connection',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      await hasSeen(testee, [1]);
      first.send('reconnect', { within: 10_000, reason: 'draining' });
      await subscribedPeer(gateway, 2);
      // On both connections, unless the client has already left the old one.
      gateway.publish(CHANNEL, 'b');
      await eventually('the client to leave the old connection', () => first.closeCode !== undefined, 10_000);
      gateway.publish(CHANNEL, 'c');
      await hasSeen(testee, [1, 2, 3]);
      assert.equal(first.closeCode, CLOSE.normal.code, 'the code with which the client closed the old connection');
      const stays = first.requests('subscribe').length === 1 && gateway.peers.length === 2;
      assert(stays, 'the client opened more than one new connection');
    },
  },
  {
    name: 'reconnects in time if it is asked to',
    level: 'must',
    section: 'Moving to another connection',
    async run(context) {
      const { gateway, testee, first } = await subscribed(context);
      gateway.publish(CHANNEL, 'a');
      await hasSeen(testee, [1]);
      first.send('reconnect', { within: 2_000, reason: 'draining' });
      await sleep(2_000);
      if (first.closeCode === undefined) first.close('restart');
      await subscribedPeer(gateway, 2);
      gateway.publish(CHANNEL, 'b');
      await hasSeen(testee, [1, 2]);
    },
  },
  ...(Object.keys(CLOSE) as CloseName[]).map(afterClose),
  {
    name: 'reconnects after an unknown close code',
    level: 'must',
    section: 'Close codes',
    async run(context) {
      const { gateway, first } = await subscribed(context);
      first.socket.close(4999, 'of a later version');
      await gateway.peer(2, RECONNECTS);
    },
  },
  {
    name: 'waits longer before each attempt to connect',
    level: 'must',
    section: 'Close codes',
    async run(context) {
      const { gateway } = context;
      const { first } = await subscribed(context);
      gateway.refuseUpgrades = 503;
      first.socket.terminate();
      await sleep(5_000);
      assert(gateway.refused >= 1, 'the client did not try to connect again within 5 s');
      assert(gateway.refused <= 20, `the client tried to connect ${gateway.refused} times within 5 s`);
      gateway.refuseUpgrades = undefined;
      await gateway.peer(2, RECONNECTS);
    },
  },
  {
    name: 'sends a ping if it receives nothing, and reconnects if there is no answer',
    level: 'must',
    section: 'Dead paths',
    async run(context) {
      const { gateway } = context;
      gateway.greet = (peer) => (peer.node === 'pod-1' ? { ping: 500 } : {});
      const { first } = await subscribed(context);
      await eventually('a ping', () => first.requests('ping').length > 0, 3_000);
      first.isMute = true;
      // It waits 5 s for the answer.
      await gateway.peer(2, { timeout: 12_000 + RECONNECTS.timeout, interval: 10 });
    },
  },
  {
    name: 'does not close a connection with 1000 that it only gives up',
    level: 'should',
    section: 'Close codes',
    async run(context) {
      const { gateway } = context;
      const { first } = await subscribed(context);
      first.socket.send('this is not a frame');
      await gateway.peer(2, RECONNECTS).catch(() => undefined);
      assert.notEqual(first.closeCode, CLOSE.normal.code, 'the code with which the client gave the connection up');
    },
  },
  {
    name: 'repeats a publish with the same key if it got no answer',
    level: 'must',
    section: 'Publishing',
    async run(context) {
      const { gateway } = context;
      const { testee, first } = await subscribed(context);
      gateway.scripts['publish'] = (peer, { data, key }) => {
        if (peer !== first) return 'default';
        gateway.publish(CHANNEL, data ?? null, [], key);
        first.socket.terminate();
        return 'silence';
      };
      testee.publish('once');
      const second = await subscribedPeer(gateway, 2);
      const [{ data: { key } } = { data: { key: undefined } }] = first.requests('publish');
      const settled = await eventually(
        'the publish to be settled',
        () => testee.events.find(({ event }) => event === 'published' || event === 'failed'),
        30_000,
      );
      const again = second.requests('publish');
      if (key === undefined) assert.equal(again.length, 0, 'a publish without a key was repeated');
      else assert.equal(settled.event, 'published', 'the publish with a key was not repeated');
      for (const { data } of again) assert.equal(data.key, key, 'the publish was repeated with another key');
      assert.equal(gateway.stream(CHANNEL).messages.length, 1, 'messages stored');
    },
  },
  {
    name: 'keeps the order of publishes if one fails',
    level: 'must',
    section: 'Publishing',
    async run(context) {
      const { gateway } = context;
      const { testee } = await subscribed(context);
      let failures = 0;
      gateway.scripts['publish'] = (_, { data }) =>
        data === 'b' && ++failures < 3 ? { refuse: 'unavailable' } : 'default';
      for (const data of ['a', 'b', 'c', 'd']) testee.publish(data);
      const isSettled = () =>
        testee.events.filter(({ event }) => event === 'published' || event === 'failed').length === 4;
      await eventually('the publishes to be settled', isSettled, 30_000);
      // A client that does not retry reports the failure.
      const stored = gateway
        .stream(CHANNEL)
        .messages.map(({ data }) => JSON.stringify(data))
        .join('');
      assert(['"a""b""c""d"', '"a""c""d"'].includes(stored), `stored in the order ${stored}`);
    },
  },
  {
    name: 'reports a publish with an error that is not retryable, and does not repeat it',
    level: 'must',
    section: 'Publishing',
    async run(context) {
      const { gateway } = context;
      const { testee, first } = await subscribed(context);
      gateway.scripts['publish'] = () => ({ refuse: 'forbidden' });
      testee.publish('refused');
      await eventually('the testee to report the error', () => testee.events.some(({ event }) => event === 'failed'));
      await never('a repeated publish', () => first.requests('publish').length > 1, 1_000);
    },
  },
];

/** What the catalogue requires after each close code. */
function afterClose(name: CloseName): Scenario<ClientContext> {
  const { code, retry } = CLOSE[name];
  const again = {
    always: 'reconnects',
    never: 'does not reconnect',
    token: 'reconnects with another token, or not at all,',
    session: 'reconnects with a new session, or not at all,',
  }[retry];
  return {
    name: `${again} after ${code}`,
    // Clients of earlier versions stop after these.
    level: [1000, 1002, 1007, 1009].includes(code) ? 'should' : 'must',
    section: 'Close codes',
    async run(context) {
      const { gateway, first } = await subscribed(context);
      first.close(name);
      if (retry === 'always') {
        await gateway.peer(2, RECONNECTS);
        return;
      }
      if (retry === 'never') {
        await never(`another connection after ${code}`, () => gateway.peers.length > 1, STAYS_DISCONNECTED_MS);
        return;
      }
      const second = await gateway.peer(2, { timeout: STAYS_DISCONNECTED_MS, interval: 10 }).catch(() => undefined);
      if (second === undefined) return;
      if (retry === 'token')
        assert.notEqual(second.token, first.token, 'the client reconnected with the refused token');
      const { session } = gateway.welcome(first);
      if (retry === 'session') assert.notEqual(second.session, session, 'the client reconnected with its old session');
    },
  };
}

/** A client that has subscribed on its first connection. */
async function subscribed(context: ClientContext): Promise<{ gateway: FakeGateway; testee: Testee; first: Peer }> {
  const { gateway } = context;
  const testee = context.start();
  return { gateway, testee, first: await subscribedPeer(gateway, 1) };
}

async function subscribedPeer(gateway: FakeGateway, n: number): Promise<Peer> {
  const peer = await gateway.peer(n, RECONNECTS);
  await eventually(`a subscribe to ${CHANNEL} on connection ${n}`, () => peer.subscribed.has(CHANNEL), 10_000);
  return peer;
}

async function expectSince(peer: Peer, position: { epoch: string; offset: number }): Promise<void> {
  const [request] = peer.requests('subscribe');
  assert.deepEqual(request?.data['since'], position, 'the position that the client resumed from');
}

/** Expects exactly these messages and gaps to have been delivered to the application. */
async function hasSeen(testee: Testee, stream: readonly (number | 'gap')[]): Promise<void> {
  await eventually(`the application to see ${stream.join(', ')}`, () => testee.stream.length >= stream.length).catch(
    (error: Error) => {
      throw new Error(`${error.message}, it saw ${testee.stream.join(', ') || 'nothing'}`);
    },
  );
  await sleep(50);
  assert.deepEqual(testee.stream, stream, 'what the application saw');
}
