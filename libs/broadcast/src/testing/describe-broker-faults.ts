import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerServer } from './describe-broker.js';
import { eventually } from './eventually.js';
import { Load, Subscriber } from './load.js';

/** A server that can be made to fail. Each fault resolves when it is over. */
export interface FaultyServer extends BrokerServer {
  /** Closes the connections that deliver messages. */
  cut(): Promise<void>;
  /** Stops the server from answering for this many ms. */
  hang(duration: number): Promise<void>;
  /** Restarts the server without its data. */
  restartEmpty(): Promise<void>;
  /** Restarts the server with data that lacks the latest writes, although they were acknowledged; undefined if it loses none. */
  readonly loseTail: (() => Promise<void>) | undefined;
}

const CHANNELS = ['news:1', 'news:2', 'news:3'];
const QUIET = 'quiet';
/** ms for which the server hangs after the leases have run out. */
const LONGER = 5_000;

/**
 * Defines the tests of a broker whose server fails under load: order, no silent loss, and no duplicates. Each broker calls it in
 * a `*.spec.ts`.
 *
 * @param lease ms for which a pod may be silent; the broker renews it three times in between.
 * @param open called for each test.
 */
export function describeBrokerFaults(name: string, lease: number, open: () => Promise<FaultyServer>): void {
  describe(`${name}, two pods under load,`, { timeout: 180_000 }, () => {
    let server: FaultyServer;
    let here: Subscriber;
    let there: Subscriber;
    let load: Load;

    beforeEach(async () => {
      server = await open();
      [here, there] = [new Subscriber(server.connect()), new Subscriber(server.connect())];
      await Promise.all([here, there].map(async (pod) => pod.start([...CHANNELS, QUIET])));
      load = new Load([here, there], CHANNELS);
      load.start();
      await load.flows();
    });
    afterEach(async () => {
      await load.stop();
      await Promise.all([here, there].map(async ({ broker }) => broker.close()));
      await server.close();
    });

    it('lose nothing when their connections are cut', async ({ annotate }) => {
      for (let cuts = 0; cuts < 3; cuts += 1) {
        await server.cut();
        await load.flows();
      }
      await load.stop();
      await load.check({ lossless: true });
      // A fraction of a second on a calm machine. A broker that only notices by a timeout takes longer than this.
      expect(await load.pauses(annotate)).toBeLessThan(5_000);
    });

    it('lose nothing and nobody when the server hangs for longer than a lease', async ({ annotate }) => {
      await here.broker.join(QUIET, { client: 'ann', details: '{}' }, 'h1');
      await there.broker.join(QUIET, { client: 'bob', details: '{}' }, 'h2');
      const hung = server.hang(lease + LONGER);
      const began = performance.now();
      await eventually(() => expect(here.broker.health().status).toBe('down'), 5_000);
      await annotate(`noticed after ${Math.round(performance.now() - began)} ms`);
      await hung;
      const continued = performance.now();
      await load.flows();
      await annotate(`recovered after ${Math.round(performance.now() - continued)} ms`);
      await load.stop();
      await load.check({ lossless: true });
      // A pod that was considered dead would be swept by now.
      await sleep(lease / 3 + 1_000);
      for (const { presence } of [here, there]) expect(presence.filter((line) => line.includes(' - '))).toEqual([]);
    });

    it.for([
      ['restarts without its data', 'restartEmpty'],
      ['restarts without its latest writes', 'loseTail'],
    ] as const)('receive a gap on every channel when the server %s', async ([, fault], { skip }) => {
      const { [fault]: fail } = server;
      if (fail === undefined) return skip('this server loses nothing');
      await fail();
      await load.flows();
      for (const pod of [here, there]) {
        await eventually(() => {
          for (const channel of [...CHANNELS, QUIET]) expect(pod.gaps(channel).length).toBeGreaterThanOrEqual(1);
        });
      }
      await load.stop();
      await load.check();
      // Some of its connections may still wait for their next attempt.
      await eventually(() => {
        for (const { broker } of [here, there]) expect(broker.health()).toEqual({ status: 'up' });
      });
    });
  });
}
