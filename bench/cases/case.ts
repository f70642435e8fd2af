import type { Conditions } from '../load/meter.ts';
import type { Server, ServerName } from '../servers/server.ts';

/** What is measured, and how it is printed. */
export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** Where more is better, a ratio above 1 is good. */
  readonly moreIsBetter?: boolean;
}

/** A ratio that is promised: of Holdfast's median to another's, or to another of its own. */
export interface Target {
  readonly metric: string;
  readonly of?: ServerName;
  readonly ofMetric?: string;
  /** At most so much; where more is better, at least. */
  readonly bound: number;
  readonly stretch?: boolean;
}

export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  /** Absent where nothing but memory was measured. */
  readonly conditions?: Conditions;
  /** What a reader must know to read the figures. */
  readonly notes?: readonly string[];
}

/** How much of a case is run. */
export interface Scale {
  readonly quick: boolean;
  /** How long a load lasts that is measured, in s. */
  readonly seconds: number;
  /** How long the same load lasts before, until compilers and caches have seen it, in s. */
  readonly warmUp: number;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly metrics: readonly Metric[];
  readonly targets: readonly Target[];
  /** Those of them that the quick mode compares; none where it leaves the case out. */
  readonly quick: readonly ServerName[];
  /** How often at most it is repeated. */
  readonly maxRounds?: number;
  run(server: Server, scale: Scale): Promise<Sample>;
}
