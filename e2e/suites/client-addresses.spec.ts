import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectTimes } from '../support/clients.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Release } from '../support/release.js';

/**
 * FIRST-LAST: IPv4 addresses of this machine that reach the cluster's Services, 400 of them for three pods. On Linux, as root,
 * `ip address add 10.90.4.1/32 dev lo` and so on adds addresses; they must be routed back to this machine.
 */
const ADDRESSES = process.env['E2E_CLIENT_ADDRESSES'];

/** The number of addresses that kube-proxy in iptables mode remembers per endpoint: ip_list_tot of the kernel module xt_recent. */
const REMEMBERED = 100;

describe.skipIf(ADDRESSES === undefined)('many client addresses under sessionAffinity.mode=clientIP', () => {
  let namespace: Namespace;
  let address: string;
  let pods: number;

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'client-addresses');
    const release = new Release(namespace);
    await release.apply({ sessionAffinity: { mode: 'clientIP' }, config: { auth: { anonymous: true } } });
    const { spec } = await namespace.cluster.core.readNamespacedService({
      namespace: namespace.name,
      name: release.name,
    });
    address = spec?.clusterIP ?? '';
    pods = (await release.podNames()).length;
    // kube-proxy needs a moment to learn about the pods; an address that reached one of them stays there, so each check uses other addresses.
    const addresses = range(ADDRESSES ?? '');
    const look = async (): Promise<void> => {
      const met = await passOf(addresses.splice(-20));
      expect(new Set(met).size).toBe(pods);
    };
    await vi.waitFor(look, { timeout: 30_000, interval: 1000 });
  });

  afterAll(() => namespace?.remove());

  beforeEach(() => namespace.collectOnFailure());

  /** The pods that the addresses reach, one after the other. */
  async function passOf(addresses: readonly string[]): Promise<string[]> {
    const all: string[] = [];
    for (const localAddress of addresses) {
      const [connected] = await connectTimes(1, { address, host: 'holdfast', localAddress });
      all.push(connected?.pod ?? '');
    }
    return all;
  }

  /** The number of addresses that reach the same pod again in a second round. */
  async function cameBack(addresses: readonly string[]): Promise<number> {
    const [before, after] = [await passOf(addresses), await passOf(addresses)];
    return after.filter((pod, index) => pod === before[index]).length;
  }

  it('return to their pod up to the number that kube-proxy remembers, and are forgotten beyond that', async () => {
    const addresses = range(ADDRESSES ?? '');
    const few = addresses.slice(0, (pods * REMEMBERED) / 2);
    expect(await cameBack(few)).toBe(few.length);
    const back = await cameBack(addresses);
    console.log(`clientIP with ${pods} pods: of ${addresses.length} addresses ${back} came back to their pod`);
    if (addresses.length > 1.3 * pods * REMEMBERED) expect(back).toBeLessThan(addresses.length / 2);
  });
});

function range(text: string): string[] {
  const [first = '', last = ''] = text.split('-');
  const count = numberOf(last) - numberOf(first) + 1;
  if (!(count > 0)) throw new Error('E2E_CLIENT_ADDRESSES: expected FIRST-LAST, such as 10.90.4.1-10.90.5.200');
  return Array.from({ length: count }, (_, index) => {
    const number = numberOf(first) + index;
    return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
  });
}

function numberOf(ip: string): number {
  return ip.split('.').reduce((number, octet) => number * 256 + Number(octet), 0);
}
