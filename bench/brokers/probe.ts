/**
 * Runs inside a gateway's process, before the gateway itself, and reports over HTTP what cannot be seen from outside. It also makes
 * the brokers on a log write their snapshots more often, because nobody wants to wait two minutes for one.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { repositoryPath } from '../servers/paths.ts';

/** What the gateway's process reports. */
export interface Report {
  /** Bytes of the heap after a garbage collection; only with `?collect`. */
  readonly heap: number;
  /** The longest step of the event loop since the last report, in ms. */
  readonly longestStep: number;
  /** Snapshots of partitions that this process has written. */
  readonly snapshots: number;
}

/** A shorter one would wake the process up so often that it costs more than the messages. */
const RESOLUTION_MS = 10;
const SNAPSHOT_INTERVAL_MS = 5_000;

let snapshots = 0;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

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
  const longestStep = Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
  if (collects) global.gc?.();
  const { heapUsed: heap } = process.memoryUsage();
  delay.reset();
  return { heap, longestStep, snapshots };
}

createServer((request, response) => {
  response.end(JSON.stringify(report(request.url?.includes('collect') === true)));
})
  .listen(Number(process.env['BENCH_PROBE_PORT']), '127.0.0.1')
  .unref();
