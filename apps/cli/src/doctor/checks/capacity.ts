import type { V1Container } from '@kubernetes/client-node';
import type { Finding } from '../finding.js';
import type { Gateway } from '../gateway/gateway.js';
import { mebibytes, quantity } from '../gateway/quantity.js';
import type { Check } from './check.js';

/** What an idle gateway needs of the heap, in bytes: docs/limits.md. */
const IDLE_HEAP = 48 * 2 ** 20;
/** The share of the rest that is for clients. */
const CLIENTS_SHARE = 0.6;
/** What a connection is charged, in bytes. */
const PER_CONNECTION = 10_240;
/** A heap above this share of the memory limit leaves too little for sockets and buffers. */
const MAX_HEAP_SHARE = 0.9;

/** The container itself: image, resources, probes and secrets. */
export const checkCapacity: Check = function* ({ gateway }) {
  const { container } = gateway;
  const object = `Deployment/${gateway.name}`;
  const { image = '' } = container;
  const tag = /:([^/@]+)(?:@|$)/.exec(image)?.[1];
  if (!image.includes('@') && (tag === undefined || tag === 'latest')) {
    yield {
      id: 'HF510',
      object,
      evidence: `the image is ${image}`,
      mend: 'set image.tag to a version, or image.digest',
    };
  }
  const missing = missingResources(container);
  if (missing.length > 0)
    yield {
      id: 'HF511',
      object,
      evidence: `container ${container.name} has no ${missing.join(', ')}`,
      mend: `set ${missing.map((name) => `resources.${name}`).join(', ')}`,
    };
  if (gateway.settings.isHoldfast) yield* checkMemory(gateway, object);
  const liveness = container.livenessProbe?.httpGet?.path;
  if (gateway.settings.isHoldfast && (liveness === '/health/ready' || liveness === '/health')) {
    yield {
      id: 'HF509',
      object,
      evidence: `the liveness probe asks ${liveness}`,
      mend: 'set the path of the liveness probe to /health/live',
    };
  }
  yield* checkSecrets(gateway, object);
};

function missingResources({ resources }: V1Container): string[] {
  const { requests = {}, limits = {} } = resources ?? {};
  return [
    // A limit without a request is also the request.
    ...(requests['cpu'] === undefined && limits['cpu'] === undefined ? ['requests.cpu'] : []),
    ...(requests['memory'] === undefined && limits['memory'] === undefined ? ['requests.memory'] : []),
    ...(limits['memory'] === undefined ? ['limits.memory'] : []),
  ];
}

function* checkMemory({ container, settings }: Gateway, object: string): Generator<Finding> {
  const limit = quantity(container.resources?.limits?.['memory']);
  const options = container.env?.find(({ name }) => name === 'NODE_OPTIONS');
  // A variable from a ConfigMap is not known here.
  if (limit === undefined || (options !== undefined && options.value === undefined)) return;
  const heap = heapOf(options?.value ?? '', limit);
  if (heap > MAX_HEAP_SHARE * limit) {
    const evidence =
      options?.value === undefined
        ? 'NODE_OPTIONS does not limit the heap'
        : `NODE_OPTIONS permits a heap of ${mebibytes(heap)}`;
    yield {
      id: 'HF512',
      object,
      evidence: `${evidence}, and the memory limit is ${mebibytes(limit)}`,
      mend: 'set NODE_OPTIONS to --max-old-space-size-percentage=60',
    };
    return;
  }
  const room = Math.floor((CLIENTS_SHARE * (heap - IDLE_HEAP)) / PER_CONNECTION);
  if (settings.maxConnections !== undefined && settings.maxConnections > room) {
    const wanted = ((settings.maxConnections * PER_CONNECTION) / CLIENTS_SHARE + IDLE_HEAP) * (limit / heap);
    yield {
      id: 'HF513',
      object,
      evidence: `limits.connections.perPod is ${settings.maxConnections}, and a memory limit of ${mebibytes(limit)} has room for ${Math.max(0, room)} connections`,
      mend: `set resources.limits.memory to ${Math.ceil(wanted / 2 ** 20)}Mi, or limits.connections.perPod to ${Math.max(0, room)}`,
    };
  }
}

/** The largest heap, in bytes: by default Node.js takes the whole limit of the container. */
function heapOf(options: string, limit: number): number {
  const percentage = /--max-old-space-size-percentage[= ]([\d.]+)/.exec(options)?.[1];
  if (percentage !== undefined) return (Number(percentage) / 100) * limit;
  const megabytes = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(options)?.[1];
  return megabytes === undefined ? limit : Number(megabytes) * 2 ** 20;
}

/** Secrets that the kubelet does not update in a running pod. */
function* checkSecrets({ container, template }: Gateway, object: string): Generator<Finding> {
  const variables = (container.env ?? []).flatMap(({ name, valueFrom }) =>
    valueFrom?.secretKeyRef === undefined ? [] : `${name} (Secret ${valueFrom.secretKeyRef.name})`,
  );
  const all = (container.envFrom ?? []).flatMap(({ secretRef }) => secretRef?.name ?? []);
  const volumes = new Set(
    (template.spec?.volumes ?? []).flatMap(({ name, secret, projected }) =>
      secret !== undefined || projected !== undefined ? name : [],
    ),
  );
  const paths = (container.volumeMounts ?? []).flatMap(({ name, subPath, mountPath }) =>
    subPath !== undefined && volumes.has(name) ? mountPath : [],
  );
  const found = [
    ...variables,
    ...all.map((name) => `all variables of Secret ${name}`),
    ...paths.map((path) => `subPath ${path}`),
  ];
  if (found.length === 0) return;
  yield {
    id: 'HF514',
    object,
    evidence: `fixed when a pod starts: ${found.join(', ')}`,
    mend: 'mount the Secret as a volume, and let the program read the file (for variables of the gateway: their names with _FILE); until then, restart the pods after each change',
  };
}
