import { describe, expect, it } from 'vitest';
import { failover } from './model/failover.ts';
import { KUBERNETES, podsKilled, podsLost, rollout, simulate } from './model/scenarios.ts';
import { MILLION, type Settings } from './model/settings.ts';

const SMALL: Settings = { ...MILLION, pods: 5, clientsPerPod: 400, rate: { burst: 40, perSecond: 20 } };

describe('the simulation', () => {
  it('brings all clients back, and no pod accepts more than its limits', () => {
    const { away, lost, seconds, last } = simulate('a pod killed', SMALL, podsKilled(1, KUBERNETES));
    expect([lost, away]).toEqual([400, 0]);
    // The bursts of the rate and of the reserve for verified tokens, and what both leak.
    let accepted = 0;
    for (const [index, second] of seconds.entries()) {
      accepted += second.accepted;
      expect(second.busiest).toBeLessThanOrEqual(60 + 30 + 5);
      expect(accepted).toBeLessThanOrEqual(4 * (60 + 30 * (index + 1) + 5));
    }
    expect(last).toBeGreaterThan((400 - 4 * 60) / (4 * 30) - 1);
  });

  it('has the same result for the same seed, and another one for another', () => {
    const [first, again, other] = [1, 1, 2].map((seed) =>
      simulate('a pod killed', SMALL, podsKilled(1, KUBERNETES), seed),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('notices a lost node by pings, and reaches dead pods until Kubernetes has noticed', () => {
    const { away, half, seconds } = simulate('a node lost', SMALL, podsLost(1, { ...KUBERNETES, noticesNode: 30_000 }));
    expect(away).toBe(0);
    expect(half).toBeGreaterThan(5);
    expect(seconds.reduce((sum, { unanswered }) => sum + unanswered, 0)).toBeGreaterThan(0);
  });

  it('moves all clients in a rollout, and disconnects nobody', () => {
    const settings = { ...SMALL, rate: MILLION.rate };
    const { away, lost, movesPerClient } = simulate('a rollout', settings, rollout(KUBERNETES));
    expect([lost, away]).toEqual([0, 0]);
    expect(movesPerClient).toBeGreaterThanOrEqual(1);
  });

  it('restores everything after a failover', () => {
    const { last, restored, isTooLate } = failover('a failover', SMALL, 5_000);
    expect(Math.min(last, restored)).toBeGreaterThan(0);
    expect(isTooLate).toBe(false);
  });

  it('leaves the clock and the random numbers as they were', () => {
    simulate('a pod killed', SMALL, podsKilled(1, KUBERNETES));
    expect(performance.now()).not.toBe(performance.now() + 1);
    expect(Object.hasOwn(performance, 'now')).toBe(false);
    expect(Math.random()).not.toBe(Math.random());
  });
});
