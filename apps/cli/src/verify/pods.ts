import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.js';
import { formatAddress, resolve, type Address } from './address.js';
import type { Deadline } from './deadline.js';
import type { Destination } from './destination.js';
import type { Pod } from './gateway.js';
import { SteeredClient } from './steered-client.js';

/** In ms. DNS may take a while to include a pod that has just become ready. */
const LOOK_AGAIN_AFTER = 500;

/** The timeout of a readiness check, in ms, like a probe of Kubernetes. */
const ANSWER_WITHIN = 5_000;

export type PodSearch = {
  readonly token: string | undefined;
  /** The expected number of pods. */
  readonly expected: number;
  readonly deadline: Deadline;
} & (
  | {
      /** The name whose addresses are the pods. */
      readonly name: Address;
      /** The path of the WebSocket. */
      readonly path: string;
    }
  | { readonly destinations: readonly Destination[] }
);

/** Finds the pods by connecting to each once. @throws Failure */
export async function findPods({ token, expected, deadline, ...where }: PodSearch): Promise<[Pod, ...Pod[]]> {
  const destinations =
    'destinations' in where
      ? where.destinations
      : (await findReady(where.name, expected, deadline)).map((address) => ({
          url: new URL(`ws://${formatAddress(address)}${where.path}`),
          address,
        }));
  const found = await Promise.all(destinations.map((destination) => visit(destination, token, deadline)));
  // A pod may have both an IPv4 and an IPv6 address.
  const [first, ...others] = new Map(found.map((pod) => [pod.node, pod])).values();
  const count = others.length + 1;
  if (first === undefined || count < expected) throw new Failure(EXIT.failed, `found ${count} of ${expected} pods`);
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

/** The addresses of ready pods. The headless Service also includes pods that start or drain, and accept no clients. */
async function findReady(name: Address, expected: number, deadline: Deadline): Promise<Address[]> {
  for (;;) {
    const addresses = await resolve(name);
    const states = await Promise.all(addresses.map((address) => whyNotReady(address)));
    const ready = addresses.filter((_, index) => states[index] === undefined);
    if (ready.length >= expected) return ready;
    if (deadline.left === 0) {
      const why = states.filter((state) => state !== undefined).join('; ');
      throw new Failure(
        EXIT.failed,
        addresses.length === 0
          ? `the name ${name.host} has no address: it should be the headless Service`
          : `${ready.length} of ${expected} pods are ready at the addresses of ${name.host}${why === '' ? '' : ` (${why})`}`,
      );
    }
    await sleep(Math.min(LOOK_AGAIN_AFTER, deadline.left));
  }
}

async function whyNotReady(address: Address): Promise<string | undefined> {
  const place = formatAddress(address);
  try {
    const { ok, status } = await fetch(`http://${place}/health/ready`, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
    return ok ? undefined : `${place} responds with ${status}`;
  } catch (error) {
    return `${place} cannot be reached: ${describeCause(error)}`;
  }
}

/** The message in the cause of fetch's error. */
function describeCause(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
