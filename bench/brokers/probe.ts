/**
 * Runs inside a gateway's process, before the gateway itself, and reports over HTTP what cannot be seen from outside. It also makes
 * the brokers on a log write their snapshots more often, because nobody wants to wait two minutes for one.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { repositoryPath } from '../servers/paths.ts';

/** What the gateway's process reports. */
export interface Report {
  /** Bytes of the heap after a garbage collection; only with `?collect`. */
  readonly heap: number;
  /** The longest step of the event loop since the last report, in ms. */
  readonly longestStep: number;
  /** The longest garbage collection since the last report, in ms. It is part of a step. */
  readonly longestCollection: number;
  /** Snapshots of partitions that this process has written. */
  readonly snapshots: number;
}

/** A shorter one would wake the process up so often that it costs more than the messages. */
const RESOLUTION_MS = 10;
const SNAPSHOT_INTERVAL_MS = 5_000;

let snapshots = 0;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

let longestCollection = 0;
const collections = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestCollection = Math.max(longestCollection, duration);
});
collections.observe({ entryTypes: ['gc'] });

/** A module of the built brokers. */
async function built<Module>(path: string): Promise<Module> {
  return (await import(repositoryPath(`libs/broadcast/dist/log/${path}`))) as Module;
}

const { DEFAULT_LOG_SETTINGS } = await built<{ DEFAULT_LOG_SETTINGS: { snapshotInterval: number } }>('settings.js');
DEFAULT_LOG_SETTINGS.snapshotInterval = SNAPSHOT_INTERVAL_MS;

interface Writing {
  write: (this: Writing) => Promise<void>;
}

const { Snapshots } = await built<{ Snapshots: { prototype: Writing } }>('pod/snapshots.js');
const { write } = Snapshots.prototype;
Snapshots.prototype.write = async function counted() {
  await write.call(this);
  snapshots += 1;
};

function report(collects: boolean): Report {
  const figures = { longestStep: Math.max(0, delay.max / 1e6 - RESOLUTION_MS), longestCollection, snapshots };
  if (collects) global.gc?.();
  const { heapUsed: heap } = process.memoryUsage();
  delay.reset();
  longestCollection = 0;
  return { heap, ...figures };
}

createServer((request, response) => {
  response.end(JSON.stringify(report(request.url?.includes('collect') === true)));
})
  .listen(Number(process.env['BENCH_PROBE_PORT']), '127.0.0.1')
  .unref();
