import { day } from '../report/day.ts';
import { figure } from '../report/figure.ts';
import { markdownTable } from '../report/markdown.ts';
import type { FailoverOutcome } from './model/failover.ts';
import type { Outcome } from './model/scenarios.ts';
import type { Second } from './model/timeline.ts';

/** A simulation of all scenarios, as `--json` writes it and docs/scaling/results.json has it. */
export interface ScaleResults {
  readonly date: string;
  readonly seed: number;
  readonly scenarios: readonly Scenario[];
}

/** Times are in s after the fault. */
export interface Scenario {
  readonly title: string;
  /** Until half of the clients, 90 % and all are connected; after a failover, until their channels were compared. */
  readonly half: number;
  readonly most: number;
  readonly last: number;
  /** Until all are subscribed; after a failover, until all users were restored. Absent if some never are. */
  readonly subscribed?: number;
  /** In the busiest second. */
  readonly redisCommands: number;
  /** The longest wait, in ms. */
  readonly redisWait: number;
  /** Absent after a failover, which moves no client. */
  readonly moved?: {
    /** Clients that could not subscribe. */
    readonly unsubscribed: number;
    /** Connects in the busiest second: of all pods, and of the busiest one. */
    readonly accepted: number;
    readonly busiest: number;
    readonly refused: number;
    readonly movesPerClient: number;
  };
}

/** Above it pods count Redis as down, in ms. */
const REDIS_WAIT = 2_000;

export function scenarioOf(title: string, outcome: Outcome | FailoverOutcome): Scenario {
  const { half, most, last, seconds, redisWait } = outcome;
  const highest = (value: (second: Second) => number): number =>
    seconds.reduce((found, second) => Math.max(found, value(second)), 0);
  const redisCommands = highest((second) => second.redisCommands);
  const times = { title, half, most, last };
  if ('restored' in outcome) return { ...times, subscribed: outcome.restored, redisCommands, redisWait };
  const { subscribed, unsubscribed, movesPerClient } = outcome;
  return {
    ...times,
    ...(unsubscribed === 0 && { subscribed }),
    redisCommands,
    redisWait,
    moved: {
      unsubscribed,
      accepted: highest((second) => second.accepted),
      busiest: highest((second) => second.busiest),
      refused: seconds.reduce((sum, second) => sum + second.refused, 0),
      movesPerClient,
    },
  };
}

export function scaleTables({ date, seed, scenarios }: ScaleResults): Readonly<Record<'scenarios', string>> {
  return { scenarios: `Simulated: ${day(date)}, seed ${seed}.\n\n${asMarkdown(scenarios)}` };
}

/** What fails is bold. */
export function asMarkdown(scenarios: readonly Scenario[]): string {
  const head = [
    'Scenario',
    'Half, 90 % and all are connected after',
    'All are subscribed after',
    'Connects a second: in total, on one pod',
    'Refused',
    'Commands sent to Redis a second',
    'Longest wait for Redis',
    'Moves per client',
  ];
  return markdownTable([head, ...scenarios.map(cells)]);
}

function cells({ title, half, most, last, subscribed, redisCommands, redisWait, moved }: Scenario): string[] {
  return [
    title,
    `${figure(half, 0)}, ${figure(most, 0)}, ${figure(last, 0)} s`,
    subscribed === undefined ? `**never: ${figure(moved?.unsubscribed ?? 0, 0)} wait**` : `${figure(subscribed, 0)} s`,
    moved === undefined ? '' : `${figure(moved.accepted, 0)}, ${figure(moved.busiest, 0)}`,
    moved === undefined ? '' : figure(moved.refused, 0),
    figure(redisCommands, 0),
    redisWait > REDIS_WAIT ? `**${figure(redisWait / 1_000, 0)} s**` : `${figure(redisWait, 0)} ms`,
    moved === undefined ? '' : figure(moved.movesPerClient, 2),
  ];
}
