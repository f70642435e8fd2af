import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClientPods, connectTimes } from '../support/clients.js';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { Release } from '../support/release.js';
import { connect, cookieOf, UpgradeError, type Connected, type ConnectOptions } from '../support/socket.js';

const HOST = 'affinity.holdfast.test';
const CONFIG = { auth: { anonymous: true } };
/** Short timeouts for rollouts. */
const ROLLOUT = { rollingUpdate: { maxSurge: '100%' } };
const TIMEOUTS = { drain: 5 };
const CONNECT_EVERY = 20;

let address: string;
let namespace: Namespace;
let release: Release;
let clients: ClientPods;

const at = (options: Partial<ConnectOptions> = {}): ConnectOptions => ({ address, host: HOST, ...options });

const podsOf = (all: readonly Connected[]): Set<string> => new Set(all.map(({ pod }) => pod));

beforeAll(async () => {
  const cluster = Cluster.connect();
  address = await cluster.ingressAddress();
  namespace = await Namespace.create(cluster, 'affinity');
  release = new Release(namespace);
  clients = await ClientPods.start(namespace, 8);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

/** Waits until the controller has the route, every pod, and the cookie if there should be one. */
async function untilServed(sticky: boolean): Promise<void> {
  const pods = new Set(await release.podNames());
  const look = async (): Promise<void> => {
    const all = await connectTimes(15, at());
    expect(podsOf(all)).toEqual(pods);
    expect(all[0]?.setCookies).toHaveLength(sticky ? 1 : 0);
  };
  await eventually(look);
}

async function apply(mode: string, controller: string): Promise<void> {
  const ingress = { enabled: true, controller, hosts: [HOST] };
  await release.apply({ ingress, sessionAffinity: { mode }, timeouts: TIMEOUTS, ...ROLLOUT, config: CONFIG });
  await untilServed(mode === 'cookie');
}

/** A cookie for this pod. */
async function cookieFor(pod: string): Promise<string> {
  for (;;) {
    const [connected] = await connectTimes(1, at());
    const cookie = connected === undefined ? undefined : cookieOf(connected, 'route');
    if (connected?.pod === pod && cookie !== undefined) return cookie;
  }
}

describe.each(['nginx', 'traefik'])('through an ingress of class %s', (controller) => {
  describe('with sessionAffinity.mode=none', () => {
    beforeAll(() => apply('none', controller));

    it('clients spread over the pods', async () => {
      const all = await connectTimes(30, at());
      expect(podsOf(all)).toEqual(new Set(await release.podNames()));
      expect(all.flatMap(({ setCookies }) => setCookies)).toEqual([]);
    });
  });

  describe('with sessionAffinity.mode=cookie', () => {
    const before: Connected[] = [];

    beforeAll(async () => {
      before.push(await connect(at()));
      await apply('cookie', controller);
    });

    it('no client was disconnected by the change from none', () => {
      expect(before.map(({ socket }) => socket.readyState)).toEqual([WebSocket.OPEN]);
      for (const { socket } of before) socket.close();
    });

    it('clients without the cookie spread over the pods, and receive one', async () => {
      const all = await connectTimes(30, at());
      expect(podsOf(all)).toEqual(new Set(await release.podNames()));
      const [cookie = ''] = all[0]?.setCookies ?? [];
      expect(cookie).toMatch(/^route=[^;]+; /);
      expect(cookie.split('; ').slice(1).toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax']);
    });

    it('a client with the cookie stays on its pod, for every pod', async () => {
      for (const pod of await release.podNames()) {
        const cookie = await cookieFor(pod);
        expect(podsOf(await connectTimes(20, at({ cookie })))).toEqual(new Set([pod]));
      }
    });

    it('a client with the cookie stays on its pod when its address changes', async () => {
      const [pod = ''] = await release.podNames();
      const headers = { host: HOST, cookie: await cookieFor(pod) };
      for (const client of clients.names) {
        const reached = await clients.connect(client, `ws://${address}/ws`, { headers, times: 3 });
        expect(new Set(reached)).toEqual(new Set([pod]));
      }
    });

    it('a client whose pod stops reconnects to another, and no upgrade is refused meanwhile', async () => {
      const [pod = ''] = await release.podNames();
      let cookie = await cookieFor(pod);
      const seen: string[] = [];
      const refused: (number | undefined)[] = [];
      await release.stop(pod);
      const stopped = { gone: false };
      const watch = release.gone(pod).then(() => (stopped.gone = true));
      while (!stopped.gone) {
        try {
          const [connected] = await connectTimes(1, at({ cookie }));
          if (connected === undefined) throw new Error('not connected');
          seen.push(connected.pod);
          cookie = cookieOf(connected, 'route') ?? cookie;
        } catch (error) {
          if (!(error instanceof UpgradeError)) throw error;
          refused.push(error.status);
        }
        // Below the rate of upgrades that a pod accepts.
        await sleep(CONNECT_EVERY);
      }
      await watch;
      expect(refused).toEqual([]);
      const moves = seen.filter((name, index) => index > 0 && name !== seen[index - 1]);
      console.log(`${controller}: ${seen.length} connections while a pod stopped, ${moves.length} move`);
      // Sticky on the old pod while it settles, then permanently on one other pod.
      expect(seen[0]).toBe(pod);
      expect(moves).toHaveLength(1);
    });
  });
});

const url = (): string => `ws://holdfast.${namespace.name}.svc/ws`;

describe('through the Service with sessionAffinity.mode=clientIP', () => {
  beforeAll(async () => {
    await release.apply({ sessionAffinity: { mode: 'clientIP' }, timeouts: TIMEOUTS, ...ROLLOUT, config: CONFIG });
    for (const client of clients.names) {
      const isSticky = async (): Promise<void> =>
        expect(new Set(await clients.connect(client, url(), { times: 10 })).size).toBe(1);
      await eventually(isSticky);
    }
  });

  it('each address stays on its pod', async () => {
    const all = await Promise.all(clients.names.map((client) => clients.connect(client, url(), { times: 20 })));
    for (const reached of all) expect(new Set(reached).size).toBe(1);
    console.log(`clientIP: ${clients.names.length} addresses on ${new Set(all.flat()).size} pods`);
    expect(new Set(all.flat()).size).toBeGreaterThan(1);
  });

  it('an address moves when its pod stops, and stays on the next', async () => {
    const [client = ''] = clients.names;
    const [pod = ''] = await clients.connect(client, url());
    await release.stop(pod);
    await release.gone(pod);
    const reached = await clients.connect(client, url(), { times: 20 });
    expect(reached).not.toContain(pod);
    expect(new Set(reached).size).toBe(1);
  });

  it('has no effect through an ingress that connects to pods directly', async () => {
    await apply('clientIP', 'nginx');
    expect(podsOf(await connectTimes(30, at())).size).toBe(3);
  });
});
