import { setTimeout as sleep } from 'node:timers/promises';
import { Arrivals } from '../../bench/load/arrivals.js';
import { holdfastDialect } from '../../bench/load/dialects/holdfast.js';
import { Inboxes } from '../../bench/load/inboxes.js';
import type { Release } from '../support/release.js';
import { Audience } from './audience.js';
import { backendOf } from './backend.js';
import { MeasuredPod } from './pod.js';

/** What a pod does first, and again once it is warm. */
export const TIMES = 2_000;
/** The connects whose time is measured: those that the storm begins with. */
export const TIMED = 500;
/** Connects that are under way at the same time. */
export const AT_ONCE = 50;

/** How often it does the same in between. */
const WARM_UPS = 2;
/** As many as `npm run bench -- --case cold` has. */
const ROOMS = 100;
const INBOXES = 100;
const REQUESTS = 8;

/** A pod accepts 2,000 connects at once, and 500 more each second (`limits.connectionRate.perPod`). */
const REST_MS = (TIMES / 500) * 1_000;

/** A new pod, and the clients that come to it. CPU times are those of one connect or publish, in µs. */
export interface Start {
  /** Of the warm-up. */
  readonly visits: number;
  readonly warmUpMs: number;
  /** The time of the first connects, in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly firstConnects: number;
  readonly laterConnects: number;
  readonly firstPublishes: number;
  readonly laterPublishes: number;
}

/** Restarts the only pod of a release, whose clients then come to the new one all at once. */
export async function restart(release: Release, old: MeasuredPod): Promise<{ pod: MeasuredPod; start: Start }> {
  const leaving = new Audience(old, roomsOf);
  await leaving.join(TIMES);
  await release.restart();
  const pod = await MeasuredPod.ready(release, old.name);
  const { host, port } = pod;
  const inboxes = new Inboxes(INBOXES, { host, port, dialect: holdfastDialect }, backendOf(pod, REQUESTS));
  const publish = (): Promise<number> => cpuOfEach(pod, () => inboxes.publish(TIMES));
  try {
    // The first scrape takes longer than later ones, which is not what is measured.
    await pod.cpuTime();
    const first = await storm(pod);
    leaving.leave();
    await inboxes.subscribe();
    const firstPublishes = await publish();
    for (let left = WARM_UPS; left > 0; left -= 1) {
      await storm(pod);
      await publish();
    }
    const later = await storm(pod);
    const laterPublishes = await publish();
    const { visits, ms } = await pod.warmUp();
    const start = {
      visits,
      warmUpMs: ms,
      p50: first.p50,
      p99: first.p99,
      firstConnects: first.cpu,
      laterConnects: later.cpu,
      firstPublishes,
      laterPublishes,
    };
    return { pod, start };
  } finally {
    leaving.leave();
    inboxes.close();
  }
}

const roomsOf = (client: number): string[] => [`room:${client % ROOMS}`];

/** Clients connect, subscribe, and leave. */
async function storm(pod: MeasuredPod): Promise<{ cpu: number; p50: number; p99: number }> {
  const { host, port } = pod;
  const arrivals = new Arrivals({ host, port, dialect: holdfastDialect }, roomsOf, TIMED);
  try {
    const cpu = await cpuOfEach(pod, () => arrivals.come(TIMES, AT_ONCE));
    return { cpu, p50: arrivals.percentile(50), p99: arrivals.percentile(99) };
  } finally {
    arrivals.leave();
    await sleep(REST_MS);
  }
}

/** The CPU time in µs that the gateway takes for one of TIMES that a task does. */
async function cpuOfEach(pod: MeasuredPod, task: () => Promise<void>): Promise<number> {
  const before = await pod.cpuTime();
  await task();
  return (((await pod.cpuTime()) - before) * 1e6) / TIMES;
}
