import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CALL_LIMIT, LIFECYCLE_LIMIT, type Broker } from '../broker.js';
import { BrokerUnavailableError, BrokerUnknownError } from '../errors.js';
import { CALLS, READING } from './calls.js';
import type { BrokerServer } from './describe-broker.js';
import { LASTING, Pod } from './pod.js';
import { Stopwatch } from './stopwatch.js';

/** A server that can be made to answer late or not at all. */
export interface StallingServer extends BrokerServer {
  /** By a description of the fault. */
  readonly stalls: Readonly<Record<string, () => unknown>>;
}

/** ms by which timers of a busy process may fire in another order. */
const SLACK = 400;

/** ms between rounds: later calls wait behind earlier ones. */
const SPACING = 400;
const ROUNDS = 3;

/**
 * Defines the tests that every call settles in time; each broker calls it in a `*.spec.ts`.
 *
 * @param open called for each test.
 * @param stalls the names of {@link StallingServer.stalls}.
 */
export function describeSettling(name: string, stalls: readonly string[], open: () => Promise<StallingServer>): void {
  describe(`${name}, a broker whose server stalls,`, () => {
    let server: StallingServer;
    let pod: Pod;

    beforeEach(async () => {
      server = await open();
      pod = new Pod(server.connect());
      await pod.start();
      await pod.broker.subscribe('known', LASTING);
      await pod.broker.join('known', { client: 'bob', details: '' }, 'h1');
    });
    afterEach(async () => {
      await pod.close();
      await server.close();
    });

    it.each(stalls)('settles every call in time, with an error of the contract: it %s', async (stall) => {
      await server.stalls[stall]?.();
      const calls: Promise<void>[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [method, call] of CALLS) calls.push(check(method, call(pod.broker)));
        await sleep(SPACING);
      }
      await Promise.all(calls);
      expect(pod.faults).toEqual([]);
    });

    it.each(stalls)('closes in time: it %s', { timeout: LIFECYCLE_LIMIT + 10_000 }, async (stall) => {
      await server.stalls[stall]?.();
      const pending = CALLS.map(async ([method, call]) => check(method, call(pod.broker)));
      const began = new Stopwatch();
      await pod.close();
      expect(began.elapsed).toBeLessThan(LIFECYCLE_LIMIT + SLACK);
      await Promise.all(pending);
    });
  });
}

/** Compares with a timer in the same process: a machine that stalls delays both. */
async function check(method: keyof Broker, call: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const outcome = await Promise.race([
    call.then(
      () => undefined,
      (error: unknown) => error,
    ),
    sleep(CALL_LIMIT + SLACK, 'late', { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
  expect(outcome, method).not.toBe('late');
  if (outcome === undefined) return;
  const isUnknown = outcome instanceof BrokerUnknownError && !READING.has(method);
  if (!isUnknown) expect(outcome, method).toBeInstanceOf(BrokerUnavailableError);
}
