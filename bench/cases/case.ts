import type { Conditions } from '../load/meter.ts';
import type { Server, ServerName } from '../servers/server.ts';

/** A metric, and how it is printed. */
export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** If set, a ratio above 1 is good. */
  readonly moreIsBetter?: boolean;
}

/** A target for the ratio of Holdfast's median to another server's, or to another metric of its own. */
export interface Target {
  readonly metric: string;
  readonly of?: ServerName;
  readonly ofMetric?: string;
  /** The maximum; the minimum if more is better. */
  readonly bound: number;
  readonly stretch?: boolean;
}

export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  /** Absent if only memory was measured. */
  readonly conditions?: Conditions;
  /** Remarks that are needed to interpret the figures. */
  readonly notes?: readonly string[];
}

/** The extent of a run. */
export interface Scale {
  readonly quick: boolean;
  /** The duration of a measured load, in s. */
  readonly seconds: number;
  /** The duration of the warm-up with the same load, in s. */
  readonly warmUp: number;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly metrics: readonly Metric[];
  readonly targets: readonly Target[];
  /** The servers in quick mode; empty if quick mode omits the case. */
  readonly quick: readonly ServerName[];
  /** The maximum number of rounds. */
  readonly maxRounds?: number;
  run(server: Server, scale: Scale): Promise<Sample>;
}
