/** What a measurement found. A figure that a broker does not have is undefined. */
export type Figures = Readonly<Record<string, number | undefined>>;

/** The extent of a run. */
export interface Scale {
  /** The duration of a measured load, in s. */
  readonly seconds: number;
  /** The duration of the warm-up with the same load, in s. */
  readonly warmUp: number;
  readonly connections: number;
  readonly channels: number;
}

export const FULL: Scale = { seconds: 4, warmUp: 2, connections: 2_000, channels: 200_000 };
export const QUICK: Scale = { seconds: 1.5, warmUp: 1, connections: 500, channels: 20_000 };
