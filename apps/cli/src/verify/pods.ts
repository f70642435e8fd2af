import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.js';
import { formatAddress, resolve, type Address } from './address.js';
import type { Deadline } from './deadline.js';
import type { Destination } from './destination.js';
import type { Pod } from './gateway.js';
import { SteeredClient } from './steered-client.js';

/** In ms. DNS may take a while to know a pod that has just become ready. */
const LOOK_AGAIN_AFTER = 500;

export type PodSearch = {
  readonly token: string | undefined;
  /** So many pods there have to be. */
  readonly expected: number;
  readonly deadline: Deadline;
} & (
  | {
      /** The name whose addresses are the pods. */
      readonly name: Address;
      /** That of the WebSocket. */
      readonly path: string;
    }
  | { readonly destinations: readonly Destination[] }
);

/** Connects to every pod once. @throws Failure */
export async function findPods({ token, expected, deadline, ...where }: PodSearch): Promise<[Pod, ...Pod[]]> {
  const destinations =
    'destinations' in where
      ? where.destinations
      : (await findAddresses(where.name, expected, deadline)).map((address) => ({
          url: new URL(`ws://${formatAddress(address)}${where.path}`),
          address,
        }));
  const found = await Promise.all(destinations.map((destination) => visit(destination, token, deadline)));
  // A pod may have an address of each family.
  const [first, ...others] = new Map(found.map((pod) => [pod.node, pod])).values();
  const count = others.length + 1;
  if (first === undefined || count < expected)
    throw new Failure(EXIT.failed, `${count} of ${expected} pods were found`);
  return [first, ...others];
}

async function visit(destination: Destination, token: string | undefined, deadline: Deadline): Promise<Pod> {
  const client = new SteeredClient(destination, token);
  try {
    const { node } = await client.connected(deadline);
    return { node, destination };
  } finally {
    await client.close();
  }
}

async function findAddresses(name: Address, expected: number, deadline: Deadline): Promise<Address[]> {
  for (;;) {
    const addresses = await resolve(name);
    if (addresses.length >= expected) return addresses;
    if (deadline.left === 0) {
      throw new Failure(
        EXIT.failed,
        addresses.length === 0
          ? `the name ${name.host} has no address: is it that of the headless Service, and is a pod ready?`
          : `${name.host} has ${addresses.length} of ${expected} addresses: are all pods ready?`,
      );
    }
    await sleep(Math.min(LOOK_AGAIN_AFTER, deadline.left));
  }
}
