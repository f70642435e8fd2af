import { describe, expect, it } from 'vitest';
import type { PodState } from '../api/answers.js';
import { brokerFacts, stageOf, troubles } from './pod.js';

type Changes = Partial<Omit<PodState, 'broker'>> & { readonly broker?: Partial<PodState['broker']> };

function pod({ broker, ...changes }: Changes = {}): PodState {
  return {
    stage: 'ready',
    ready: true,
    reasons: [],
    overloaded: false,
    now: 1_000_000,
    ...changes,
    broker: { kind: 'redis', up: true, now: 1_000_000, reconnects: 0, ...broker },
  } as unknown as PodState;
}

describe('the state of a pod', () => {
  it.each<[Changes, string]>([
    [{}, 'ready'],
    [{ overloaded: true }, 'overloaded'],
    [{ ready: false, reasons: ['broker: away'] }, 'not ready'],
    [{ stage: 'draining', ready: false, overloaded: true }, 'draining'],
  ])('%j is %s', (changes, text) => expect(stageOf(pod(changes))).toBe(text));
});

describe('the troubles of a pod', () => {
  it('are none if all is well', () => expect(troubles(pod())).toEqual([]));

  it.each<[Changes, string]>([
    [{ stage: 'settling' }, 'The pod stops: it still accepts connections until proxies have noticed.'],
    [{ stage: 'draining' }, 'The pod drains: its clients are asked to connect to others.'],
    [{ broker: { up: false, reason: 'timed out' } }, 'The broker is down: timed out'],
    [{ overloaded: true }, 'The pod is overloaded: it refuses new connections.'],
    [{ ready: false, reasons: ['broker: away'] }, 'Not ready: broker: away'],
  ])('%j', (changes, text) => expect(troubles(pod(changes))).toEqual([text]));
});

describe('the facts about a broker', () => {
  it.each<[Changes, { label: string; value: string; isBad?: boolean }]>([
    [{ broker: { up: false, reason: 'x' } }, { label: 'Broker', value: 'redis, down (x)', isBad: true }],
    [{ broker: { lag: 50 } }, { label: 'Lag', value: '50 ms', isBad: false }],
    [{ broker: { lag: 45_000 } }, { label: 'Lag', value: '45 s', isBad: true }],
    [{ broker: { now: 1_005_000 } }, { label: "Pod's clock", value: '5,000 ms behind', isBad: true }],
    [{ broker: { now: 1_000_009 } }, { label: "Pod's clock", value: 'the same', isBad: false }],
    [{ broker: { now: 999_900 } }, { label: "Pod's clock", value: '100 ms ahead', isBad: false }],
    [
      { broker: { memory: { used: 1_024, max: 2_048 } } },
      { label: 'Histories in memory', value: '1.0 KiB of 2.0 KiB' },
    ],
    [
      { broker: { lastOutage: { reason: 'timed out', at: 1_767_225_600_000 } } },
      { label: 'Latest outage', value: '2026-01-01 00:00:00Z: timed out' },
    ],
  ])('%j', (changes, fact) => expect(brokerFacts(pod(changes))).toContainEqual(fact));
});
