import type { KubeConfig } from '@kubernetes/client-node';
import type { FindingId } from './catalogue/index.js';
import { entryOf } from './catalogue/index.js';
import { diagnose } from './diagnose.js';
import type { Unexamined } from './finding.js';
import { describeGateway, findDeployment, type Gateway } from './gateway/gateway.js';
import { probeEdge } from './probes/edge.js';
import { hostsOf } from './probes/hosts.js';
import { probePods, type PodOptions } from './probes/pods.js';
import { NO_PROBES, type EdgeProbe } from './probes/probes.js';
import type { Diagnosis } from './report.js';
import { readSnapshot } from './snapshot/read.js';
import type { Snapshot } from './snapshot/snapshot.js';
import { addressOf, type Address, type PartialAddress } from '../verify/address.js';

export interface ExamineOptions extends PodOptions {
  readonly namespace: string;
  readonly deployment: string | undefined;
  /** The URL of the WebSocket; by default those of the Ingresses and HTTPRoutes. */
  readonly url: URL | undefined;
  /** Where to connect, in place of what DNS says. */
  readonly address: PartialAddress | undefined;
  /** How long an idle WebSocket is watched, in ms; 0 skips that. */
  readonly idle: number;
  readonly only: ReadonlySet<FindingId>;
}

/** The findings that come from the way of a client, and not from objects alone. */
const OF_EDGE: readonly FindingId[] = [
  'HF101',
  'HF102',
  'HF107',
  'HF110',
  'HF111',
  'HF112',
  'HF113',
  'HF119',
  'HF120',
  'HF121',
  'HF122',
  'HF123',
  'HF124',
];

/** The findings that pods have to be asked for. */
const OF_PODS: readonly FindingId[] = [
  'HF401',
  'HF402',
  'HF403',
  'HF404',
  'HF405',
  'HF408',
  'HF410',
  'HF411',
  'HF412',
  'HF413',
];

/** Reads, probes, and diagnoses. @throws Failure */
export async function examine(config: KubeConfig, options: ExamineOptions): Promise<Diagnosis> {
  const { namespace, deployment, only } = options;
  const snapshot = await readSnapshot(config, namespace, deployment);
  const gateway = describeGateway(snapshot, findDeployment(snapshot, deployment));
  const unexamined: Unexamined[] = [...snapshot.unexamined];
  const wants = (ids: readonly FindingId[]): boolean => ids.some((id) => only.has(id));
  const isBroken = diagnose({ snapshot, gateway, probes: NO_PROBES }, only).some(
    ({ id }) => entryOf(id).level === 'error',
  );

  const [edges, pods] = await Promise.all([
    wants(OF_EDGE) ? probeEdges(snapshot, gateway, unexamined, { ...options, idle: isBroken ? 0 : options.idle }) : [],
    wants(OF_PODS)
      ? probePods({ config, snapshot, gateway, unexamined }, { ...options, messages: !isBroken })
      : { pods: [], messages: undefined },
  ]);
  const findings = diagnose({ snapshot, gateway, probes: { edges, ...pods } }, only);
  return { namespace, deployment: gateway.name, findings, unexamined };
}

async function probeEdges(
  snapshot: Snapshot,
  gateway: Gateway,
  unexamined: Unexamined[],
  { url, address, token, idle, notice }: ExamineOptions,
): Promise<readonly EdgeProbe[]> {
  const urls = url === undefined ? hostsOf(snapshot, gateway) : [url];
  if (urls.length === 0) {
    unexamined.push({ what: 'the way of a client', why: 'no Ingress or HTTPRoute names a host: use --url' });
    return [];
  }
  if (address !== undefined) unexamined.push({ what: 'DNS', why: '--address is used in its place' });
  if (idle > 0) notice(`watching an idle WebSocket for ${Math.round(idle / 1_000)} s (--no-idle skips this)`);
  else unexamined.push({ what: 'whether an idle WebSocket is closed', why: 'it was skipped' });
  const probes = await Promise.all(
    urls.map((one) =>
      probeEdge(one, {
        address: completed(address, one),
        token,
        idle,
        again: () => notice(`${one.host}: looking again, in case that something was changed a moment ago`),
      }),
    ),
  );
  for (const probe of probes) {
    if (idle > 0 && probe.upgrade?.kind === 'opened' && probe.idle === undefined) {
      unexamined.push({
        what: `an idle WebSocket of ${probe.url}`,
        why: 'the gateway requires a token: set HOLDFAST_CLI_TOKEN or HOLDFAST_JWT_SECRET',
      });
    }
  }
  return probes;
}

/** The port is that of the URL if none was given. */
function completed(address: PartialAddress | undefined, url: URL): Address | undefined {
  return address === undefined ? undefined : { host: address.host, port: address.port ?? addressOf(url).port };
}
