import { formatAddress, type Address } from '../../verify/address.js';
import { askState } from './admin.js';
import type { PodProbe } from './probes.js';

/** In ms. */
const ANSWER_WITHIN = 5_000;

/** The header Date has whole seconds, in ms. */
const RESOLUTION = 1_000;

export interface PodAddresses {
  /** Of the port for clients. */
  readonly clients: Address;
  /** Of the management port, and the key of the admin API; undefined without one. */
  readonly admin?: { readonly address: Address; readonly key: string } | undefined;
}

/** Asks a pod about itself: the admin API if there is a key, or else what everybody may see. @returns undefined if it does not answer. */
export async function probePod(pod: string, { clients, admin }: PodAddresses): Promise<PodProbe | undefined> {
  const before = Date.now();
  const state = admin === undefined ? undefined : await askState(admin.address, admin.key);
  const middle = (before + Date.now()) / 2;
  if (state === undefined || 'problem' in state) {
    const probe = await probeHealth(pod, clients);
    return probe === undefined || state === undefined ? probe : { ...probe, adminProblem: state.problem };
  }
  const { now, configuration, overloaded, broker, limits } = state;
  return {
    pod,
    brokerProblem: broker.up ? undefined : (broker.reason ?? 'it is down'),
    clock: { ahead: now - middle, error: middle - before },
    ...(broker.evictionPolicy === undefined ? {} : { evictionPolicy: broker.evictionPolicy }),
    configuration,
    overload: overloaded
      ? limits.map(({ name, used, max }) => `${name} ${Math.round(used)} of ${max}`).join(', ')
      : undefined,
  };
}

async function probeHealth(pod: string, address: Address): Promise<PodProbe | undefined> {
  const before = Date.now();
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`http://${formatAddress(address)}/health`, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
    body = await response.json();
  } catch {
    return undefined;
  }
  const after = Date.now();
  const date = Date.parse(response.headers.get('date') ?? '');
  const middle = (before + after) / 2;
  return {
    pod,
    brokerProblem: brokerProblem(body),
    clock: Number.isNaN(date)
      ? undefined
      : { ahead: date + RESOLUTION / 2 - middle, error: (RESOLUTION + after - before) / 2 },
  };
}

/** The reason in the answer of Terminus: `details` has each indicator with its status. */
function brokerProblem(body: unknown): string | undefined {
  const { broker } = (body as { details?: { broker?: { status: string; reason?: string } } }).details ?? {};
  return broker === undefined || broker.status === 'up'
    ? undefined
    : (broker.reason ?? `its status is ${broker.status}`);
}
