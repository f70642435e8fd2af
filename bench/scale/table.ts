import { day } from '../report/day.ts';
import { figure } from '../report/figure.ts';
import { markdownTable } from '../report/markdown.ts';
import type { FailoverOutcome } from './model/failover.ts';
import type { Outcome } from './model/scenarios.ts';
import type { Second } from './model/timeline.ts';

/** What docs/scaling/results.json has: a simulation of all scenarios, and a comparison with reality. `--json` writes one of them. */
export interface ScaleResults {
  readonly simulation: Simulation;
  readonly check: Check;
}

export interface Simulation {
  readonly date: string;
  readonly seed: number;
  readonly scenarios: readonly Scenario[];
}

export interface Check {
  readonly date: string;
  readonly faults: readonly CheckedFault[];
}

/** Times in s until half of the clients, 90 % and all were back. */
export interface CheckedFault {
  readonly fault: string;
  readonly model: readonly number[];
  readonly measured: readonly number[];
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

/** How much the model may differ from what was measured. */
const TOLERANCE = 0.2;

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

export function scaleTables({ simulation, check }: ScaleResults): Readonly<Record<'scenarios' | 'check', string>> {
  const { date, seed, scenarios } = simulation;
  return {
    scenarios: `Simulated: ${day(date)}, seed ${seed}.\n\n${scenariosTable(scenarios)}`,
    check: `Measured: ${day(check.date)}.\n\n${checkTable(check.faults)}`,
  };
}

/** What differs by more than the tolerance is bold. */
export function checkTable(faults: readonly CheckedFault[]): string {
  const rows = faults.map(({ fault, model, measured }) => {
    const differs = (index: number): boolean => Math.abs((model[index] ?? 0) / (measured[index] ?? 0) - 1) > TOLERANCE;
    const times = measured.map((time, index) => (differs(index) ? `**${figure(time, 1)}**` : figure(time, 1)));
    return [fault, `${model.map((time) => figure(time, 1)).join(', ')} s`, `${times.join(', ')} s`];
  });
  return markdownTable([['Fault', 'Model: half, 90 %, all', 'Measured'], ...rows]);
}

/** What fails is bold. */
export function scenariosTable(scenarios: readonly Scenario[]): string {
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
