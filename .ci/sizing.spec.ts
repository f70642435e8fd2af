import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIGURES, type Broker, type PodMemory } from '../docs/.vitepress/sizing/figures.js';
import { connectionsOfPod, MOST_PODS, sizeOf, type Load, type Plan } from '../docs/.vitepress/sizing/size.js';
import type { Capacity } from '../e2e/capacity/capacity.js';
import { ROOT } from './doc-examples.js';

const { capacity: CAPACITY } = JSON.parse(readFileSync(join(ROOT, 'docs/scaling/results.json'), 'utf8')) as {
  readonly capacity: Capacity;
};

/** The rows of all tables of a page, each as its cells. */
function rowsOf(page: string): string[][] {
  const lines = readFileSync(join(ROOT, 'docs', page), 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('**', '')),
    );
}

function rowOf(page: string, first: string): string[] {
  const row = rowsOf(page).find(([name]) => name === first);
  if (row === undefined) throw new Error(`docs/${page} has no row ${first}`);
  return row;
}

const numberOf = (cell: string | undefined): number => Number(/[\d.,]+/.exec(cell ?? '')?.[0].replaceAll(',', ''));

const MEMORY: Readonly<Record<string, PodMemory>> = { '256 MiB': 256, '512 MiB': 512, '1 GiB': 1024 };

describe('the figures of the calculator are those of the pages', () => {
  it('connections of a pod: scaling.md', () => {
    for (const [name, memory] of Object.entries(MEMORY)) {
      const row = rowsOf('scaling.md').find(([first = '']) => first.startsWith(name)) ?? [];
      const perPod = [FIGURES.connectionsPerPod[memory], Math.round(connectionsOfPod(memory, 1) / 100) * 100];
      expect(row.slice(1).map(numberOf), name).toEqual(perPod);
    }
  });

  it('CPU: performance.md and scaling.md', () => {
    const [, delivery, , direct] = rowOf('performance.md', 'Holdfast').map(numberOf);
    expect(FIGURES.cpu).toEqual({ delivery, directMessage: direct });
    const pings = rowOf('scaling.md', 'pings of 10,000 idle connections')[1];
    expect(pings).toContain(`${FIGURES.pings * 100} %`);
  });

  it('the clients that a pod of the chart accepted in a cluster: scaling.md', () => {
    const [calculated, accepted] = [connectionsOfPod(256, 1), CAPACITY.filling.accepted];
    expect(Math.abs(accepted - calculated) / calculated).toBeLessThan(0.05);
  });

  it('publishes and the memory of other connections: brokers.md', () => {
    const names = rowOf('brokers.md', 'What it costs').map((cell) => cell.toLowerCase());
    const publishes = rowOf('brokers.md', 'publishes per second that one pod answers');
    const heap = rowOf('brokers.md', 'heap of a connection on its pod, and on every other (bytes)');
    for (const broker of Object.keys(FIGURES.publishes) as Broker[]) {
      const column = names.indexOf(broker);
      expect(numberOf(publishes[column]), broker).toBe(FIGURES.publishes[broker]);
      expect(numberOf(heap[column]?.split(', ')[1]), broker).toBe(FIGURES.foreignConnection[broker]);
    }
  });

  it.each(['e2-small', 'e2-standard-2'] as const)('the price of %s: cost.md', (type) => {
    const prices = rowOf('cost.md', type).slice(3).map(numberOf);
    expect(Object.values(FIGURES.nodes[type].price)).toEqual(prices);
  });
});

const plan = (memory: PodMemory, broker: Broker = 'redis'): Plan => ({
  memory,
  vcpus: memory === 1024 ? 1 : 0.5,
  broker,
  spare: 'pod',
});
const load = (clients: number, messages: number, subscribers = 1): Load => ({
  clients,
  channels: 1,
  messages,
  subscribers,
  bytes: 300,
});

describe('the size of a load', () => {
  const examples = rowsOf('scaling.md').filter(([, , , limits = '']) => /^\d+ [MG]iB, \d+m$/.test(limits));
  it.each(examples)(
    'scaling.md: %s clients, %s messages a second, %s subscribers, %s',
    (clients, messages, subscribers, limits = '', pods, cores, traffic, nodes, dollars) => {
      const [memory = ''] = limits.split(', ');
      const size = sizeOf(
        load(numberOf(clients), numberOf(messages), numberOf(subscribers)),
        plan(MEMORY[memory] ?? 256),
      );
      const digits = /\.(\d+)/.exec(cores ?? '')?.[1]?.length ?? 0;
      expect([
        `${size.pods}`,
        `${size.cores.toFixed(digits)} cores`,
        `${size.traffic.toFixed(1)} TB`,
        `${size.nodes?.count} × ${size.nodes?.type}`,
        `$${Math.round(size.nodes?.dollars ?? 0)}`,
      ]).toEqual([pods, cores, traffic, nodes, dollars]);
    },
  );

  it('cost.md has the same pods and nodes', () => {
    for (const [users, each, pods = '', room] of rowsOf('cost.md')) {
      const [count, memory = ''] = pods.split(' × ');
      if (!(memory in MEMORY) || users === '5,000') continue;
      const perSecond = numberOf(users) / (each === 'one a second' ? 1 : 10);
      const podMemory = MEMORY[memory] ?? 256;
      const size = sizeOf(load(numberOf(users), perSecond), plan(podMemory));
      expect([`${size.pods}`, (size.pods - 1) * FIGURES.connectionsPerPod[podMemory]]).toEqual([count, numberOf(room)]);
      const example = rowsOf('cost.md').find(([first, , dollars]) => first === users && dollars?.startsWith('$'));
      if (each === 'one in 10 s') expect(example?.[1]).toContain(`${size.nodes?.count} ${size.nodes?.type}`);
    }
  });

  it('30,000 users as scaling.md calculates them by hand', () => {
    expect(sizeOf(load(30_000, 3000), plan(512))).toMatchObject({
      podsForMemory: 3,
      podsForCpu: 3,
      pods: 4,
      returnSeconds: 11,
    });
  });

  it('a million connections as scaling.md calculates them', () => {
    const size = sizeOf({ ...load(1_000_000, 16_700), channels: 0 }, { ...plan(1024), spare: 'zone' });
    expect(size).toMatchObject({ podsForMemory: 29, podsForCpu: 30, pods: 45 });
    expect(Math.round(size.returnSeconds)).toBe(40);
  });

  it('counts what every pod keeps on a log, and reads', () => {
    const onRedis = sizeOf(load(200_000, 1000), plan(512));
    const onKafka = sizeOf(load(200_000, 1000), plan(512, 'kafka'));
    expect(onKafka.podsForMemory).toBeGreaterThan(onRedis.podsForMemory);
    expect(onRedis.brokerDeliveries).toBe(1000);
    expect(onKafka.brokerDeliveries).toBe(1000 * onKafka.pods);
  });

  it('is never below the memory and the CPU that are needed, and more clients never need fewer pods', () => {
    const anyLoad = fc.record({
      clients: fc.nat(1_000_000),
      channels: fc.nat(10),
      messages: fc.nat(50_000),
      subscribers: fc.integer({ min: 0, max: 2000 }),
      bytes: fc.constant(300),
    });
    const anyPlan = fc.record<Plan>({
      memory: fc.constantFrom(256, 512, 1024),
      vcpus: fc.constantFrom(0.5, 1),
      broker: fc.constantFrom(...(Object.keys(FIGURES.publishes) as Broker[])),
      spare: fc.constantFrom('pod', 'zone'),
    });
    fc.assert(
      fc.property(anyLoad, anyPlan, (some, how) => {
        const size = sizeOf(some, how);
        expect(size.pods).toBeGreaterThan(Math.max(size.podsForMemory, size.podsForCpu));
        expect(sizeOf({ ...some, clients: some.clients * 2 }, how).pods).toBeGreaterThanOrEqual(size.pods);
      }),
    );
  });

  it('has an answer for nothing at all, and for more than it can know', () => {
    expect(sizeOf(load(0, 0, 0), plan(256))).toMatchObject({ pods: 2, cores: 0, returnSeconds: 0, traffic: 0 });
    expect(sizeOf(load(1e9, 1e9, 1e6), plan(256, 'kafka')).podsForCpu).toBe(MOST_PODS);
  });
});
