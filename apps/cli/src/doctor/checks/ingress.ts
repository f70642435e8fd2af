import type { V1Ingress } from '@kubernetes/client-node';
import type { Finding } from '../finding.js';
import { nameOf } from '../gateway/labels.js';
import type { HttpRoute } from '../snapshot/snapshot.js';
import type { Check, Situation } from './check.js';
import { classOf, controllerOf, controllerPods, isGoogleClass } from './controllers.js';
import { brief } from './pods/reason.js';
import { backendsOf, covers, ingressesOf, routesOf, WEBSOCKET_PATH } from './routes.js';

/** How long a controller may take to publish an address, in ms. */
const PUBLISHED_WITHIN = 120_000;

/** Ingresses and HTTPRoutes: class, address, backends and paths. */
export const checkIngress: Check = function* (situation) {
  const { snapshot, gateway } = situation;
  for (const ingress of ingressesOf(snapshot, gateway)) {
    yield* checkClass(ingress, situation);
    yield* checkRewrite(ingress);
  }
  for (const route of routesOf(snapshot, gateway)) yield* checkParents(route);
  yield* checkBackends(situation);
};

function* checkClass(ingress: V1Ingress, { snapshot, probes }: Situation): Generator<Finding> {
  const object = `Ingress/${nameOf(ingress)}`;
  const name = classOf(ingress);
  const { ingressClasses, takenAt } = snapshot;
  const list = ingressClasses?.map(nameOf).join(', ') || 'none';
  // GKE has a controller without a class.
  const exists = ingressClasses?.some((one) => nameOf(one) === name) || isGoogleClass(name);
  if (name === undefined) {
    const isDefault = ingressClasses?.some(
      ({ metadata }) => metadata?.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true',
    );
    if (isDefault === false) {
      yield {
        id: 'HF103',
        object,
        evidence: `no ingressClassName, and no class is the default (there are: ${list})`,
        mend: 'set ingressClassName',
      };
      return;
    }
  } else if (ingressClasses !== undefined && !exists) {
    yield {
      id: 'HF103',
      object,
      evidence: `there is no class ${name} (there are: ${list})`,
      mend: `set ingressClassName to one of: ${list}`,
    };
    return;
  }
  if ((ingress.status?.loadBalancer?.ingress ?? []).length > 0) return;
  if (takenAt.getTime() - new Date(ingress.metadata?.creationTimestamp ?? 0).getTime() < PUBLISHED_WITHIN) return;
  // On some clusters, such as kind, a controller has no address to publish, and works.
  const hosts = new Set((ingress.spec?.rules ?? []).map(({ host }) => host));
  if (probes.edges.some(({ host, upgrade }) => hosts.has(host) && upgrade !== undefined && upgrade.kind !== 'failed'))
    return;
  const pods = controllerPods(controllerOf(ingress, snapshot), snapshot);
  if (pods?.length === 0) {
    yield {
      id: 'HF103',
      object,
      evidence: `the Ingress has no address, and no pod of the controller of class ${name} runs`,
      mend: `install or start the controller of class ${name}`,
    };
  } else {
    yield {
      id: 'HF104',
      object,
      evidence: 'status.loadBalancer has no address',
      mend: `kubectl describe ingress ${nameOf(ingress)} --namespace ${snapshot.namespace}`,
    };
  }
}

function* checkRewrite(ingress: V1Ingress): Generator<Finding> {
  const name = 'nginx.ingress.kubernetes.io/rewrite-target';
  const target = ingress.metadata?.annotations?.[name];
  // One with groups usually keeps the path.
  if (target === undefined || target.includes('$') || target.endsWith(WEBSOCKET_PATH)) return;
  yield {
    id: 'HF107',
    object: `Ingress/${nameOf(ingress)}`,
    evidence: `${name} makes ${target} of every path, and the WebSocket is at ${WEBSOCKET_PATH}`,
    mend: `kubectl annotate ingress ${nameOf(ingress)} ${name}-`,
  };
}

function* checkParents(route: HttpRoute): Generator<Finding> {
  const object = `HTTPRoute/${nameOf(route)}`;
  const parents = route.status?.parents ?? [];
  if (parents.length === 0) {
    yield {
      id: 'HF108',
      object,
      evidence: 'no Gateway has taken it: status.parents is empty',
      mend: 'name an existing Gateway in gateway.parentRefs',
    };
  }
  for (const { parentRef, conditions = [] } of parents) {
    const failed = conditions.find(
      ({ type, status }) => ['Accepted', 'ResolvedRefs'].includes(type) && status === 'False',
    );
    if (failed === undefined) continue;
    yield {
      id: 'HF108',
      object,
      evidence: `Gateway ${parentRef.name}: ${failed.type} is False, ${failed.reason}: ${brief(failed.message ?? '')}`,
      mend: `kubectl describe gateway ${parentRef.name}${parentRef.namespace === undefined ? '' : ` --namespace ${parentRef.namespace}`}`,
    };
  }
}

function* checkBackends({ snapshot, gateway }: Situation): Generator<Finding> {
  const own = new Set([...ingressesOf(snapshot, gateway), ...routesOf(snapshot, gateway)]);
  const relevant = backendsOf({
    ...snapshot,
    ingresses: snapshot.ingresses?.filter((ingress) => own.has(ingress)),
    routes: snapshot.routes?.filter((route) => own.has(route)),
  });
  const reported = new Set<string>();
  for (const { object, service: name, port, path } of relevant) {
    const service = snapshot.services.find((one) => nameOf(one) === name);
    const key = `${object} ${name} ${port}`;
    if (reported.has(key)) continue;
    reported.add(key);
    const ports = service?.spec?.ports ?? [];
    if (service === undefined) {
      const right = gateway.services.find(({ spec }) => spec?.clusterIP !== 'None');
      yield {
        id: 'HF105',
        object,
        evidence: `the backend of ${path} is Service ${name}, which is not in namespace ${snapshot.namespace}`,
        mend: `set the backend to Service ${right === undefined ? 'of the gateway' : nameOf(right)}`,
      };
    } else if (port !== undefined && !ports.some((one) => one.port === port || one.name === port)) {
      const has = ports.map((one) => `${one.name ?? 'unnamed'} ${one.port}`).join(', ');
      yield {
        id: 'HF106',
        object,
        evidence: `the backend of ${path} is port ${port} of Service ${name}, which has: ${has}`,
        mend: `set the port of the backend to ${ports[0]?.port}`,
      };
    }
  }
  if (!gateway.settings.isHoldfast) return;
  for (const object of new Set(relevant.map((backend) => backend.object))) {
    const paths = relevant.filter((backend) => backend.object === object);
    if (paths.some((backend) => covers(backend, WEBSOCKET_PATH))) continue;
    yield {
      id: 'HF107',
      object,
      evidence: `it routes ${paths.map(({ path }) => path).join(', ')}, and not ${WEBSOCKET_PATH}`,
      mend: `add the path ${WEBSOCKET_PATH}`,
    };
  }
}
