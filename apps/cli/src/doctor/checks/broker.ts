import type { FindingId } from '../catalogue/index.js';
import { isReady } from '../gateway/gateway.js';
import { nameOf } from '../gateway/labels.js';
import type { Finding } from '../finding.js';
import type { Check, Situation } from './check.js';
import { brief } from './pods/reason.js';

/** Clocks that differ by more matter, in ms: tokens are accepted up to 5 s late. */
const MAX_SKEW = 3_000;

/** A publish that takes longer is slow, in ms. */
const SLOW = 500;

/** The broker as the pods report it, and messages as they arrive. */
export const checkBroker: Check = function* (situation) {
  const { gateway, snapshot } = situation;
  const replicas = gateway.deployment.spec?.replicas ?? 1;
  if (gateway.settings.isHoldfast && gateway.settings.hasBroker === false && replicas > 1) {
    yield {
      id: 'HF409',
      object: `Deployment/${gateway.name}`,
      evidence: `neither HOLDFAST_BROKER nor HOLDFAST_BROKER_FILE is set, and replicas is ${replicas}`,
      mend: 'set broker.url, or run one pod',
    };
  }
  yield* checkEviction(situation);
  const problems = problemsOf(situation);
  const [first] = problems;
  if (first !== undefined) {
    const others = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
    yield {
      id: kindOf(first.problem),
      object: `Pod/${first.pod}${others}`,
      evidence: brief(first.problem),
      mend: mendOf(first.problem, snapshot.namespace),
    };
  }
  yield* checkMessages(situation);
  yield* checkClocks(situation);
  yield* checkStates(situation);
};

/** A Redis beside the gateway has its settings in a ConfigMap; of any other one the gateway itself says so, if there is an admin key. */
function* checkEviction({ snapshot, gateway, probes }: Situation): Generator<Finding> {
  const instance = gateway.deployment.metadata?.labels?.['app.kubernetes.io/instance'];
  for (const { metadata, data } of snapshot.configMaps ?? []) {
    const policy = /^\s*maxmemory-policy\s+(\S+)/m.exec(data?.['redis.conf'] ?? '')?.[1];
    if (policy === undefined || policy === 'noeviction') continue;
    if (metadata?.labels?.['app.kubernetes.io/instance'] !== instance) continue;
    yield {
      id: 'HF405',
      object: `ConfigMap/${metadata?.name}`,
      evidence: `redis.conf has maxmemory-policy ${policy}`,
      mend: 'set maxmemory-policy noeviction in redis.conf, and restart Redis',
    };
    return;
  }
  const pod = probes.pods.find(({ evictionPolicy }) => evictionPolicy !== undefined);
  if (pod === undefined) return;
  yield {
    id: 'HF405',
    object: `Pod/${pod.pod}`,
    evidence: `its broker has maxmemory-policy ${pod.evictionPolicy}`,
    mend: 'set maxmemory-policy noeviction on the server, or in the parameter group of a managed one',
  };
}

interface Problem {
  readonly pod: string;
  readonly problem: string;
}

/** What each pod says about its broker, or else what it has logged. */
function problemsOf({ gateway, probes, snapshot }: Situation): Problem[] {
  return gateway.pods.flatMap((pod) => {
    const name = nameOf(pod);
    const probe = probes.pods.find((one) => one.pod === name);
    const problem =
      probe === undefined
        ? isReady(pod)
          ? undefined
          : lastReason(snapshot.logs.get(name) ?? '')
        : probe.brokerProblem;
    return problem === undefined ? [] : { pod: name, problem };
  });
}

/** The reason of the last outage in a log; undefined if it has ended. */
function lastReason(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => /the broker is (?:down|up)/.test(line));
  const last = lines.at(-1);
  if (last === undefined || last.includes('the broker is up')) return undefined;
  try {
    return (JSON.parse(last) as { reason?: string }).reason ?? last;
  } catch {
    return last;
  }
}

function kindOf(problem: string): FindingId {
  if (/NOAUTH|WRONGPASS|authentication|password|credentials|SASL|not authorized|ACCESS[-_]REFUSED/i.test(problem))
    return 'HF402';
  if (/\bOOM\b|memory is full|disk.*full|no space/i.test(problem)) return 'HF403';
  if (/refuses writes|READONLY|read-only|MISCONF|NOPERM|NOREPLICAS|replica/i.test(problem)) return 'HF404';
  return 'HF401';
}

function mendOf(problem: string, namespace: string): string {
  switch (kindOf(problem)) {
    case 'HF402':
      return 'either the URL of the broker has another user or password (broker.existingSecret or broker.url), or they were changed on the server: make both agree';
    case 'HF403':
      return 'raise the memory or disk limit of the broker (maxmemory of Redis)';
    case 'HF404':
      return 'make the server accept writes, or let the URL name the server that does';
    default:
      return `start the broker, or correct its address: kubectl get pods,services --namespace ${namespace}`;
  }
}

function* checkMessages({ probes, gateway, snapshot }: Situation): Generator<Finding> {
  const { messages } = probes;
  const [lost] = messages?.lost ?? [];
  if (messages !== undefined && lost !== undefined) {
    yield {
      id: 'HF408',
      object: `Deployment/${gateway.name}`,
      evidence: `what was published on ${lost.from} did not arrive on ${lost.to} (${messages.lost.length} of all pairs of pods)`,
      mend: `kubectl rollout restart deployment ${gateway.name} --namespace ${snapshot.namespace}, after you have compared the brokers of the pods`,
    };
  } else if (messages !== undefined && messages.acknowledgedAfter > SLOW) {
    yield {
      id: 'HF410',
      object: `Deployment/${gateway.name}`,
      evidence: `a publish is acknowledged after ${Math.round(messages.acknowledgedAfter)} ms (median)`,
      mend: 'see the load and the slow log of the broker',
    };
  }
}

function* checkClocks({ probes }: Situation): Generator<Finding> {
  const known = probes.pods.flatMap(({ pod, clock }) => (clock === undefined ? [] : { pod, ...clock }));
  const [first, ...others] = known.toSorted((a, b) => a.ahead - b.ahead);
  const last = others.at(-1);
  if (first === undefined || last === undefined) return;
  const difference = last.ahead - first.ahead;
  if (difference - first.error - last.error <= MAX_SKEW) return;
  yield {
    id: 'HF411',
    object: `Pod/${last.pod}`,
    evidence: `its clock is ${(difference / 1_000).toFixed(1)} s ahead of that of ${first.pod}`,
    mend: 'make the nodes of these pods synchronize their clocks by NTP',
  };
}

/** What only the admin API says. */
function* checkStates({ probes, gateway, snapshot }: Situation): Generator<Finding> {
  const overloaded = probes.pods.find(({ overload }) => overload !== undefined);
  if (overloaded !== undefined) {
    yield {
      id: 'HF413',
      object: `Pod/${overloaded.pod}`,
      evidence: `it is overloaded: ${overloaded.overload}`,
      mend: 'run more pods, or raise resources',
    };
  }
  const first = new Map<string, { pod: string; configuration: string }>();
  for (const { pod, configuration } of probes.pods) {
    // Pods of different revisions may differ: a rollout is under way.
    const revision = gateway.pods.find((one) => nameOf(one) === pod)?.metadata?.labels?.['pod-template-hash'] ?? '';
    const other = first.get(revision);
    if (configuration === undefined) continue;
    if (other === undefined) first.set(revision, { pod, configuration });
    else if (other.configuration !== configuration) {
      yield {
        id: 'HF412',
        object: `Deployment/${gateway.name}`,
        evidence: `${pod} and ${other.pod} are of one revision, and their configurations differ`,
        mend: `kubectl rollout restart deployment ${gateway.name} --namespace ${snapshot.namespace}`,
      };
      return;
    }
  }
}
