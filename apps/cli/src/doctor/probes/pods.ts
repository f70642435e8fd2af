import type { KubeConfig, V1Pod } from '@kubernetes/client-node';
import { HoldfastError } from '@holdfast/client';
import { Failure } from '../../failure.js';
import { formatAddress, type Address } from '../../verify/address.js';
import type { Unexamined } from '../finding.js';
import { isReady, type Gateway } from '../gateway/gateway.js';
import { nameOf } from '../gateway/labels.js';
import type { Snapshot } from '../snapshot/snapshot.js';
import { WEBSOCKET_PATH } from '../checks/routes.js';
import { askTwice } from './ask-twice.js';
import { probeMessages } from './messages.js';
import { probePod } from './pod.js';
import type { MessageProbe, PodProbe } from './probes.js';
import { PodReach } from './reach.js';

export interface PodOptions {
  readonly token: string | undefined;
  /** The channel of the probe, which the token permits. */
  readonly channel: string;
  /** Of the admin API on the management port. */
  readonly adminKey: string | undefined;
  /** Called before something that takes its time. */
  readonly notice: (text: string) => void;
}

interface Situation {
  readonly config: KubeConfig;
  readonly snapshot: Snapshot;
  readonly gateway: Gateway;
  readonly unexamined: Unexamined[];
}

interface Reached {
  readonly pod: V1Pod;
  readonly address: Address;
}

/** Asks each pod about its broker, and sends messages between them. */
export async function probePods(
  { config, snapshot, gateway, unexamined }: Situation,
  options: PodOptions & { readonly messages: boolean },
): Promise<{ pods: PodProbe[]; messages: MessageProbe | undefined }> {
  const none = { pods: [], messages: undefined };
  const running = gateway.pods.filter(({ status }) => status?.phase === 'Running');
  if (!gateway.settings.isHoldfast || running.length === 0) return none;
  const reach = new PodReach(config, snapshot.namespace);
  try {
    const found = await Promise.all(
      running.map(async (pod) => ({ pod, address: await reach.find(pod, gateway.settings.port) })),
    );
    const reached = found.flatMap(({ pod, address }) => (address === undefined ? [] : { pod, address }));
    const silent = found.filter(({ pod, address }) => address === undefined && isReady(pod));
    if (silent.length > 0) {
      unexamined.push({
        what: `the broker and the messages as ${silent.map(({ pod }) => nameOf(pod)).join(', ')} sees them`,
        why: 'this machine has no route to pods, and you may not forward ports (create pods/portforward)',
      });
    }
    const answers = await Promise.all(
      reached.map(async ({ pod, address }) => {
        const key = options.adminKey;
        const management = key === undefined ? undefined : await reach.find(pod, gateway.settings.managementPort);
        const admin = key === undefined || management === undefined ? undefined : { address: management, key };
        return askTwice(
          () => probePod(nameOf(pod), { clients: address, admin }),
          (answer) => answer?.brokerProblem !== undefined,
          () => options.notice(`pod ${nameOf(pod)}: asking again about its broker, in case that it has just started`),
        );
      }),
    );
    const pods = answers.filter((answer) => answer !== undefined);
    for (const { pod, adminProblem } of pods) {
      if (adminProblem !== undefined) unexamined.push({ what: `the state of pod ${pod}`, why: adminProblem });
    }
    const isBroken = pods.some(({ brokerProblem }) => brokerProblem !== undefined);
    if (isBroken || !options.messages) return { pods, messages: undefined };
    return { pods, messages: await messagesBetween(reached, options, unexamined) };
  } finally {
    reach.close();
  }
}

async function messagesBetween(
  reached: readonly Reached[],
  { token, channel, notice }: PodOptions,
  unexamined: Unexamined[],
): Promise<MessageProbe | undefined> {
  const pods = reached
    .filter(({ pod }) => isReady(pod))
    .map(({ pod, address }) => ({
      name: nameOf(pod),
      destination: { url: new URL(`ws://${formatAddress(address)}${WEBSOCKET_PATH}`), address },
    }));
  if (pods.length < 2) return undefined;
  notice(`sending messages between ${pods.length} pods (20 s at most)`);
  try {
    return await probeMessages(pods, channel, token);
  } catch (error) {
    if (!(error instanceof Failure || error instanceof HoldfastError)) throw error;
    const advice = token === undefined ? ' (set HOLDFAST_CLI_TOKEN or HOLDFAST_JWT_SECRET)' : '';
    unexamined.push({ what: 'messages between pods', why: `${error.message}${advice}` });
    return undefined;
  }
}
