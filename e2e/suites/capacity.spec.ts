import { readFileSync } from 'node:fs';
import { arch, cpus, release as kernel } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VALUES } from '../capacity/backend.js';
import type { Capacity } from '../capacity/capacity.js';
import { fill } from '../capacity/filling.js';
import { MeasuredPod } from '../capacity/pod.js';
import { requireDescriptors, requirePorts } from '../capacity/requirements.js';
import { restart, type Start } from '../capacity/start.js';
import { ThroughputSearch } from '../capacity/throughput.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { CHART, merged, Release, type Values } from '../support/release.js';
import { writePage } from '../support/write-page.js';

const CLIENTS = [1_000, 5_000, 10_000] as const;
/** Of a pod that has room for the most clients, in MiB. */
const LARGE_MEMORY = 512;
const ROLLOUTS = 3;

/** Messages per second that any machine can deliver in time: to one subscriber each, and to channels. */
const FIRST_RATES = { direct: 1_000, channels: 50 };

/** The tables of docs/scaling.md are written from it. */
const RESULTS = 'docs/scaling/results.json';

describe.skipIf(process.env['E2E_CAPACITY'] !== '1')("a pod of the chart's size", () => {
  let namespace: Namespace;
  let release: Release;
  let pod: MeasuredPod;
  /** Of the pod, in MiB. */
  let memoryLimit: number;
  let filling: Capacity['filling'] | undefined;
  const throughput: Capacity['throughput'][number][] = [];
  const starts: Start[] = [];
  const rates = { ...FIRST_RATES };

  beforeAll(async () => {
    await requireDescriptors(Math.max(...CLIENTS));
    await requirePorts(Math.max(...CLIENTS));
    namespace = await Namespace.create(Cluster.connect(), 'capacity');
    release = new Release(namespace);
    await release.apply(VALUES);
    pod = await MeasuredPod.ready(release);
    memoryLimit = shippedMemoryLimit();
  });

  afterAll(async () => {
    if (filling !== undefined && throughput.length === 2 * CLIENTS.length && starts.length === ROLLOUTS) {
      const capacity = published({ filling, throughput, starts });
      const former = JSON.parse(readFileSync(new URL(`../../${RESULTS}`, import.meta.url), 'utf8')) as object;
      await writePage(RESULTS, JSON.stringify({ ...former, capacity }));
    }
    await namespace?.remove();
  });

  beforeEach(() => namespace.collectOnFailure());

  /** Whether it has room for this number of clients. */
  function admits(clients: number): boolean {
    // With a second channel, which others share, a client takes less than a tenth more.
    return filling === undefined || clients <= 0.9 * filling.accepted || memoryLimit === LARGE_MEMORY;
  }

  async function enlarge(): Promise<void> {
    memoryLimit = LARGE_MEMORY;
    const larger: Values = { resources: { limits: { memory: `${LARGE_MEMORY}Mi` } } };
    const { name } = pod;
    await release.apply(merged(VALUES, larger));
    pod = await MeasuredPod.ready(release, name);
  }

  it('refuses clients for which it has no room with 503, and loses nobody that it has accepted', async () => {
    filling = { ...(await fill(pod)), memoryLimit };
    const { accepted, refusals, lost } = filling;
    expect(accepted).toBeGreaterThan(CLIENTS[0]);
    expect(['503', '1013', 'reconnect', 'overloaded']).toEqual(expect.arrayContaining(Object.keys(refusals)));
    expect(refusals['503']).toBeGreaterThan(0);
    expect(lost).toEqual([]);
    expect(await pod.restarts()).toEqual([]);
    await pod.has(0);
  }, 400_000);

  it(`serves the connects of ${ROLLOUTS} rollouts`, async () => {
    while (starts.length < ROLLOUTS) {
      const { pod: next, start } = await restart(release, pod);
      expect(await next.restarts()).toEqual([]);
      starts.push(start);
      await release.rolledOut();
      pod = next;
    }
    await pod.has(0);
  }, 600_000);

  it.each(CLIENTS)(
    'delivers in time to %i clients, and loses none of them',
    async (clients) => {
      if (!admits(clients)) await enlarge();
      const search = new ThroughputSearch(pod, clients);
      try {
        await search.open();
        const [direct, channels] = [await search.direct(rates.direct), await search.channels(rates.channels)];
        throughput.push({ ...direct, memoryLimit }, { ...channels, memoryLimit });
        // More clients hardly receive more.
        rates.direct = Math.ceil(direct.messages / 2);
        rates.channels = Math.ceil(channels.messages / 2);
      } finally {
        search.close();
      }
      expect(await pod.restarts()).toEqual([]);
      await pod.has(0);
    },
    600_000,
  );
});

/** In MiB. */
function shippedMemoryLimit(): number {
  const { resources } = parse(readFileSync(`${CHART}/values.yaml`, 'utf8')) as {
    resources: { limits: { memory: string } };
  };
  const [, memory] = /^(\d+)Mi$/.exec(resources.limits.memory) ?? [];
  if (memory === undefined) throw new Error("the chart's memory limit is not in MiB");
  return Number(memory);
}

function published(measured: Pick<Capacity, 'filling' | 'throughput' | 'starts'>): Capacity {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version.replace(/^v(\d+\.\d+).*/, '$1'),
    machine: `${cpus().length} cores of ${cpus()[0]?.model ?? arch()}, Linux ${kernel().replace(/^(\d+\.\d+).*/, '$1')}`,
    ...measured,
  };
}
