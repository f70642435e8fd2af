import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerServer } from './describe-broker.js';
import { eventually } from './eventually.js';
import { Load, Subscriber } from './load.js';

/** A server with a log that can be made to fail in further ways. Each fault resolves when it is over. */
export interface FaultyLogServer extends BrokerServer {
  /** From now on drops everything that is sent on any connection, without closing it. */
  silence(): void;
  /** Ends {@link silence}: connections that are opened from now on work. */
  restore(): void;
  kill(): Promise<void>;
  /** Starts the server again, with its data. */
  run(): Promise<void>;
  /** Deletes the log while pods use it. */
  deleteLog(): Promise<void>;
  /** Deletes everything that the log has stored so far; undefined if the server cannot be made to do that. */
  readonly purge: (() => Promise<void>) | undefined;
}

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const QUIET = 'quiet';
/** ms within which pods notice that the server does not answer. */
const NOTICED_WITHIN = 10_000;
/** Publishers, and ms between two messages of each: 5,000 messages per second if the machine is fast enough. */
const CROWD = { publishers: 100, pause: 20 };
/** ms for which they publish before and after the other pod starts. */
const CROWDED = 1_000;

/**
 * Defines the tests of a broker on a log whose server fails under load, in addition to `describeBrokerFaults`. Each broker calls it in
 * a `*.spec.ts`.
 *
 * @param open called for each test.
 */
export function describeLogBrokerFaults(name: string, open: () => Promise<FaultyLogServer>): void {
  describe(`${name}, two pods under load,`, () => {
    let server: FaultyLogServer;
    let pods: Subscriber[] = [];
    let load: Load;

    beforeEach(async () => {
      server = await open();
      pods = await startPods(2);
      load = new Load(pods, CHANNELS);
      load.start();
      await load.flows();
    });
    afterEach(async () => {
      await load.stop();
      await closePods();
      await server.close();
    });

    const startPods = async (count: number): Promise<Subscriber[]> => {
      const started = Array.from({ length: count }, () => new Subscriber(server.connect()));
      await Promise.all(started.map(async (pod) => pod.start([...CHANNELS, QUIET])));
      return started;
    };
    const closePods = async (): Promise<void> => {
      await Promise.all(pods.splice(0).map(async ({ broker }) => broker.close()));
    };
    const expectDown = async (): Promise<void> =>
      eventually(() => {
        for (const { broker } of pods) expect(broker.health().status).toBe('down');
      }, NOTICED_WITHIN);
    const expectNothingLost = async (): Promise<void> => {
      await load.flows();
      await load.stop();
      await load.check({ lossless: true });
      for (const pod of pods) expect(pod.gaps(QUIET)).toEqual([]);
      await eventually(() => {
        for (const { broker } of pods) expect(broker.health()).toEqual({ status: 'up' });
      });
    };

    it('promises 1, 2 and 4: lose nothing when the network drops everything for a while', async () => {
      server.silence();
      await expectDown();
      server.restore();
      await expectNothingLost();
    });

    it('promises 1, 2 and 4: lose nothing when the server is killed and comes back with its data', async () => {
      await server.kill();
      await expectDown();
      await server.run();
      await expectNothingLost();
    });

    it('promise 2: receive a gap on every channel when the log is deleted', async () => {
      await server.deleteLog();
      for (const pod of pods) {
        await eventually(() => {
          for (const channel of [...CHANNELS, QUIET]) expect(pod.gaps(channel).length).toBeGreaterThan(0);
        });
      }
      await load.flows();
      await load.stop();
      await load.check();
    });

    it('promises 2 and 3: keep positions when everything that was stored is purged, also in a pod that starts', async ({
      skip,
    }) => {
      if (server.purge === undefined) return skip('nothing can be purged from this server');
      await load.stop();
      await load.check({ lossless: true });
      // A pod that starts asks the others for a snapshot.
      const before = pods.map((pod) => [...CHANNELS, QUIET].map((channel) => pod.position(channel)));
      await server.purge();
      pods.push(...(await startPods(1)));
      expect([...CHANNELS, QUIET].map((channel) => pods.at(-1)?.starts.get(channel))).toEqual(before[0]);
      load = new Load(pods, CHANNELS);
      load.start();
      await expectNothingLost();
      expect(pods.slice(0, 2).map((pod) => pod.position(QUIET))).toEqual(before.map((positions) => positions.at(-1)));
    });

    it('promise 3: keep their positions when all pods are gone and come back', async ({ skip }) => {
      const isDurable = pods.every(({ broker }) => broker.capabilities.durablePositions);
      skip(!isDurable, 'positions of this broker end with the last pod');
      await load.stop();
      await load.check({ lossless: true });
      const before = [...CHANNELS, QUIET].map((channel) => pods[0]?.position(channel));
      await closePods();
      pods.push(...(await startPods(2)));
      for (const { starts } of pods) {
        expect([...CHANNELS, QUIET].map((channel) => starts.get(channel))).toEqual(before);
      }
    });

    it('promises 1, 2 and 4: another pod that starts while 5,000 messages per second are published misses none', async ({
      annotate,
    }) => {
      await load.stop();
      load = new Load(pods, CHANNELS);
      load.start(CROWD.publishers, CROWD.pause);
      await load.flows();
      await sleep(CROWDED);
      const began = performance.now();
      pods.push(...(await startPods(1)));
      const started = performance.now();
      await annotate(`started within ${Math.round(started - began)} ms`);
      await sleep(CROWDED);
      const published = load.acknowledged.filter(({ at }) => at > began).length;
      await annotate(`${Math.round(published / ((performance.now() - began) / 1_000))} messages per second`);
      await expectNothingLost();
      for (const channel of CHANNELS) {
        expect(pods[2]?.payloads(channel).length).toBeGreaterThan(0);
        expect(pods[2]?.position(channel)).toEqual(pods[0]?.position(channel));
      }
    });
  });
}
