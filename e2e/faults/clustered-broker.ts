import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { BrokerKind } from '../brokers/broker-kind.js';
import { BrokerServers } from '../brokers/servers.js';
import { nameOf } from '../support/cluster.js';
import { injectFault } from '../support/inject.js';
import { KILL } from './crashes.js';
import type { Fault } from './fault.js';
import { ROLLING_UPDATE } from './rollouts.js';

const ELECTED_WITHIN = 60_000;
const RESTARTED_WITHIN = 120_000;

/** The server that leads most partitions, and those partitions. */
function leaderOf(leaders: ReadonlyMap<string, string>): { readonly server: string; readonly led: readonly string[] } {
  const byServer = Map.groupBy(leaders, ([, server]) => server);
  const [most] = [...byServer].toSorted(([, a], [, b]) => b.length - a.length);
  if (most === undefined) throw new Error('no partition has a leader');
  return { server: most[0], led: most[1].map(([partition]) => partition) };
}

async function restartsOf(servers: BrokerServers, name: string): Promise<number> {
  const pod = (await servers.pods()).find((one) => nameOf(one) === name);
  return pod?.status?.containerStatuses?.[0]?.restartCount ?? 0;
}

/** The other servers elect new leaders, and have everything that was acknowledged: no gap. */
function leaderKilled(kind: BrokerKind): Fault {
  return {
    name: 'the server killed that leads most partitions',
    cost: 'pause',
    async inject(scene) {
      const servers = new BrokerServers(scene.release.namespace, kind);
      const { server, led } = leaderOf(await kind.leaders(scene, `${kind.name}-0`));
      const survivors = (await servers.pods()).map(nameOf).filter((name) => name !== server);
      const restarts = await restartsOf(servers, server);
      await injectFault('kill', scene.release.namespace.name, server);
      await kind.promote?.(scene, survivors);
      const elected = Date.now() + ELECTED_WITHIN;
      for (;;) {
        const leaders = await kind.leaders(scene, survivors[0] ?? '').catch(() => new Map<string, string>());
        if (led.every((partition) => ![undefined, server].includes(leaders.get(partition)))) break;
        expect(Date.now(), `${server} still leads partitions`).toBeLessThan(elected);
        await sleep(500);
      }
      const restarted = Date.now() + RESTARTED_WITHIN;
      while ((await restartsOf(servers, server)) === restarts) {
        expect(Date.now(), `${server} was not restarted`).toBeLessThan(restarted);
        await sleep(200);
      }
      await servers.ready();
    },
  };
}

/** History and positions are only in the broker meanwhile: clients resume where they were. */
const ALL_PODS_GONE: Fault = {
  name: 'all pods of the gateway killed at once, and started again',
  cost: 'reconnect',
  async inject({ release }) {
    await release.scaleToNone();
    await release.scale(3);
    await release.rolledOut();
  },
};

/** Whether to inject every fault on each broker. Otherwise those that are the same for all run on one of them only. */
const ALL = process.env['E2E_ALL_FAULTS'] === '1';

/** The faults of the broker itself. No clean failover costs a gap. @param others that are injected by default. */
export function brokerFaults(kind: BrokerKind, ...others: readonly Fault[]): readonly Fault[] {
  return ALL ? allFaults(kind) : [...others, leaderKilled(kind)].map((fault) => on(kind, fault));
}

/** Also those of the gateway's pods. */
export function allFaults(kind: BrokerKind): readonly Fault[] {
  return [ROLLING_UPDATE, KILL, leaderKilled(kind), ALL_PODS_GONE].map((fault) => on(kind, fault));
}

function on({ title }: BrokerKind, fault: Fault): Fault {
  return { ...fault, name: `${title}: ${fault.name}` };
}
