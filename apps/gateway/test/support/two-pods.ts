import { describe, expect, it } from 'vitest';
import { WebSocket as WebSocketClient } from 'ws';
import { eventually } from '../../../../libs/broadcast/src/testing/eventually.js';
import { refusal } from './connect-as.js';
import { PodProcess, startPods } from './pod-process.js';
import { signToken } from './tokens.js';

const CHANNEL = 'chat:lobby';
const NODES = ['here', 'there'] as const;

/**
 * Defines the tests of two gateway processes on one broker; each broker calls it in a `*.spec.ts`.
 *
 * @param openBroker returns the URL of a broker that shows nothing of other tests.
 * @param options.outlivesPods whether the broker keeps anything while no pod runs.
 */
export function describeTwoPods(
  name: string,
  openBroker: () => string | Promise<string>,
  { outlivesPods = true }: { readonly outlivesPods?: boolean } = {},
): void {
  describe(`two gateway processes on ${name}`, () => {
    let url = '';

    async function startTwo(): Promise<readonly [PodProcess, PodProcess]> {
      url = await openBroker();
      return startPods(url, NODES);
    }

    it('promise 1: every subscriber receives every message with identical bytes, whichever pod it was published through', async () => {
      const [here, there] = await startTwo();
      const [ann, bob] = [await here.connect(), await there.connect()];
      for (const client of [ann, bob]) await client.subscribe(CHANNEL);
      await ann.publish(CHANNEL, 'from here');
      await bob.publish(CHANNEL, 'from there');
      await here.api('publish', { channel: CHANNEL, data: 'by the API here' });
      await there.api('publish', { channel: CHANNEL, data: 'by the API there' });
      const texts = await Promise.all(
        [ann, bob].map(async (client) => {
          await client.messages(CHANNEL, 4);
          return client.texts.filter((text) => text.startsWith('{"event":"message"'));
        }),
      );
      expect(ann.offsets(CHANNEL)).toEqual([1, 2, 3, 4]);
      expect(texts[0]).toHaveLength(4);
      expect(texts[1]).toEqual(texts[0]);
    });

    it('promises 3 and 4: a client resumes, and repeats a publish, on a pod where it was not before', async () => {
      const [here, there] = await startTwo();
      const ann = await here.connect({ sub: 'ann' });
      const since = await ann.subscribe(CHANNEL);
      const stored = await ann.publish(CHANNEL, 'once', 'key-1');
      await ann.publish(CHANNEL, 'more');
      ann.webSocket.terminate();

      const back = await there.connect({ sub: 'ann' });
      expect(await back.publish(CHANNEL, 'once', 'key-1')).toEqual(stored);
      expect(await refusal(back.publish(CHANNEL, 'something else', 'key-1'))).toMatchObject({ code: 'key_conflict' });
      const { epoch, offset } = since;
      expect(await back.subscribe(CHANNEL, { since: { epoch, offset } })).toMatchObject({
        recovered: true,
        replay: 2,
        offset: 2,
      });
      expect((await back.messages(CHANNEL, 2)).map(({ data }) => data['data'])).toEqual(['once', 'more']);
    });

    it('presence covers all pods', async () => {
      const [here, there] = await startTwo();
      const ann = await here.connect({ sub: 'ann' });
      await ann.subscribe(CHANNEL, { presence: true });
      const bob = await there.connect({ sub: 'bob' });
      expect(await bob.subscribe(CHANNEL, { presence: true })).toMatchObject({ count: 2 });
      expect((await ann.next('join')).data).toMatchObject({ member: { client: bob.welcome.client, user: 'bob' } });
      for (const pod of [here, there]) {
        const { body } = await pod.api(`channels/${CHANNEL}/presence`);
        expect(body).toMatchObject({ count: 2, members: [{ user: 'ann' }, { user: 'bob' }] });
        expect((await pod.api('channels')).body).toEqual({ channels: [CHANNEL] });
      }
      await bob.close();
      expect((await ann.next('leave')).data).toMatchObject({ member: { client: bob.welcome.client } });
      expect((await there.api(`channels/${CHANNEL}/presence`)).body).toMatchObject({ count: 1 });
    });

    it('a direct message reaches its user on every pod, and no other user', async () => {
      const [here, there] = await startTwo();
      const bobs = [await here.connect({ sub: 'bob' }), await there.connect({ sub: 'bob' })];
      const ann = await there.connect({ sub: 'ann' });
      for (const client of [...bobs, ann]) await client.subscribe('@me');
      expect(await refusal(ann.subscribe('@bob'))).toMatchObject({ code: 'forbidden' });
      await here.api('users/bob/publish', { data: 'by the API here' });
      await there.api('users/bob/publish', { data: 'by the API there' });
      for (const bob of bobs) {
        const messages = await bob.messages('@bob', 2);
        expect(messages.map(({ data }) => data['data'])).toEqual(['by the API here', 'by the API there']);
      }
      expect(ann.of('message')).toEqual([]);
    });

    it("a user's connections are listed, and closed, on every pod through any of them", async () => {
      const [here, there] = await startTwo();
      const anns = [await here.connect({ sub: 'ann' }), await there.connect({ sub: 'ann' })];
      const bob = await there.connect({ sub: 'bob' });
      const expected = anns.map(({ welcome: { client, node } }) => ({ client, node, since: expect.any(Number) }));
      for (const pod of [here, there]) {
        await eventually(async () => {
          const { connections } = (await pod.api('users/ann/connections')).body;
          expect(connections).toHaveLength(2);
          expect(connections).toEqual(expect.arrayContaining(expected));
        });
      }
      expect((await here.api('users/ann/disconnect', {})).status).toBe(200);
      for (const ann of anns) expect(await ann.closed).toMatchObject({ code: 4009 });
      await eventually(async () => expect((await here.api('users/ann/connections')).body).toEqual({ connections: [] }));
      expect(await bob.request('ping')).toEqual({});
      expect((await there.connect({ sub: 'ann' })).welcome.user).toBe('ann');
    });

    it('a blocked user is refused by every pod, including one that starts later', async () => {
      const [here, there] = await startTwo();
      const ann = await there.connect({ sub: 'ann' });
      const until = Date.now() + 60_000;
      expect((await here.api('users/ann/disconnect', { until })).status).toBe(200);
      expect(await ann.closed).toMatchObject({ code: 4009 });
      const kill = async (): Promise<void> => {
        await Promise.all([here, there].map(async ({ process }) => process.stop('SIGKILL')));
      };
      if (outlivesPods) await kill();
      const later = await PodProcess.start(url, 'later');
      const expectRefused = async (): Promise<void> =>
        expect(await refusedUpgrade(await urlOf(later, 'ann'))).toBe(403);
      if (!outlivesPods) {
        // The others have to answer first.
        await eventually(expectRefused);
        await kill();
      }
      await expectRefused();
      expect((await later.connect({ sub: 'bob' })).welcome.user).toBe('bob');
      // Not a channel of a client.
      expect((await later.api('channels')).body).toEqual({ channels: [] });
      expect((await later.api('channels/!refusals/history')).body).toMatchObject({ code: 'invalid_channel' });
    });

    it("a user's subscriptions end on every pod", async () => {
      const [here, there] = await startTwo();
      const anns = [await here.connect({ sub: 'ann' }), await there.connect({ sub: 'ann' })];
      const bob = await there.connect({ sub: 'bob' });
      for (const client of [...anns, bob]) await client.subscribe(CHANNEL);
      await here.api('users/ann/unsubscribe', { channel: CHANNEL });
      for (const ann of anns) {
        expect((await ann.next('unsubscribed')).data).toEqual({ channel: CHANNEL, code: 'kicked' });
      }
      await here.api('publish', { channel: CHANNEL, data: 'without Ann' });
      await bob.messages(CHANNEL, 1);
      for (const ann of anns) {
        expect(await ann.request('ping')).toEqual({});
        expect(ann.offsets(CHANNEL)).toEqual([]);
      }
      await eventually(async () =>
        expect((await there.api(`channels/${CHANNEL}/presence`)).body).toMatchObject({ count: 1 }),
      );
    });
  });
}

/** The URL of a WebSocket with a token. */
export async function urlOf({ webSocketUrl }: PodProcess, sub: string): Promise<string> {
  return `${webSocketUrl}?access_token=${await signToken({ sub })}`;
}

/** The HTTP status of a refused upgrade. */
export async function refusedUpgrade(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocketClient(url);
    webSocket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      resolve(statusCode);
      webSocket.terminate();
    });
    webSocket.on('open', () => {
      reject(new Error('the upgrade was accepted'));
      webSocket.terminate();
    });
    webSocket.on('error', () => undefined);
  });
}
