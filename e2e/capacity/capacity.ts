import type { Filling } from './filling.js';
import type { Start } from './start.js';
import type { Throughput } from './throughput.js';

/** What a pod of the chart's size carries. Memory limits are in MiB. */
export interface Capacity {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  readonly filling: Filling & { readonly memoryLimit: number };
  /** Empty if it was not measured yet. */
  readonly throughput: readonly (Throughput & { readonly memoryLimit: number })[];
  readonly starts: readonly Start[];
}
