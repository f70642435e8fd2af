import { expect, vi } from 'vitest';
import { isReady, nameOf } from './cluster.js';
import { execute } from './execute.js';
import { GATEWAY_IMAGE } from './images.js';
import type { Namespace } from './namespace.js';
import { connect, type Connected } from './socket.js';

const LABELS = { app: 'client' };

/** The program of a client pod: connects once, and prints the pod of the gateway. */
const SCRIPT = `
const { default: { WebSocket } } = await import('/app/node_modules/ws/index.js');
const [url, headers, times] = JSON.parse(process.argv[1]);
const nodes = [];
for (let time = 0; time < times; time++) {
  nodes.push(await new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'holdfast.v1.json', { headers });
    socket.on('error', reject).once('message', (frame) => {
      resolve(JSON.parse(String(frame)).data.node);
      socket.close();
    });
  }));
}
console.log(JSON.stringify(nodes));
`;

/** Pods that connect from different addresses. */
export class ClientPods {
  private constructor(
    private readonly namespace: Namespace,
    readonly names: readonly string[],
  ) {}

  static async start(namespace: Namespace, count: number): Promise<ClientPods> {
    const container = {
      name: 'client',
      // The gateway's image contains Node and a WebSocket client.
      image: GATEWAY_IMAGE,
      command: ['node', '-e', 'setInterval(() => {}, 1000)'],
      resources: { requests: { cpu: '1m', memory: '16Mi' } },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    };
    await namespace.cluster.apps.createNamespacedDeployment({
      namespace: namespace.name,
      body: {
        metadata: { name: 'client' },
        spec: {
          replicas: count,
          selector: { matchLabels: LABELS },
          template: {
            metadata: { labels: LABELS },
            spec: {
              containers: [container],
              securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
              terminationGracePeriodSeconds: 0,
            },
          },
        },
      },
    });
    const pods = await vi.waitFor(
      async () => {
        const all = await namespace.cluster.pods(namespace.name, 'app=client');
        expect(all.filter((pod) => isReady(pod))).toHaveLength(count);
        return all;
      },
      { timeout: 120_000, interval: 200 },
    );
    return new ClientPods(namespace, pods.map(nameOf));
  }

  /** Connects `times` times from a pod, sequentially. @returns the pod of the gateway for each connection. */
  async connect(pod: string, url: string, { times = 1, headers = {} } = {}): Promise<string[]> {
    const argument = JSON.stringify([url, headers, times]);
    const words = ['node', '--input-type=module', '-e', SCRIPT, argument];
    return JSON.parse(await execute(this.namespace, pod, 'client', words)) as string[];
  }
}

/** Connects several times, sequentially, and closes each connection at once. */
export async function connectTimes(times: number, options: Parameters<typeof connect>[0]): Promise<Connected[]> {
  const all: Connected[] = [];
  for (let time = 0; time < times; time++) {
    const connected = await connect(options);
    connected.socket.close();
    all.push(connected);
  }
  return all;
}
