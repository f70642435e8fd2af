import { kubectl } from './commands.ts';
import { connect, type Connected } from './socket.ts';

/** What pods as clients are run from: the gateway's own image has Node and a WebSocket client. */
const IMAGE = process.env['E2E_IMAGE'] ?? 'docker.io/holdfast/gateway:0.1.0';

const LABEL = 'app=client';

/** What runs in such a pod: connects once, and prints which pod answered. */
const SCRIPT = `
const { default: { WebSocket } } = await import('/app/node_modules/ws/index.js');
const [url, headers, times] = JSON.parse(process.argv[1]);
const told = [];
for (let time = 0; time < times; time++) {
  told.push(await new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'holdfast.v1.json', { headers });
    socket.on('error', reject).once('message', (frame) => {
      resolve(JSON.parse(String(frame)).data.node);
      socket.close();
    });
  }));
}
console.log(JSON.stringify(told));
`;

/** Pods that connect from addresses of their own. */
export class ClientPods {
  private constructor(
    private readonly namespace: string,
    readonly names: readonly string[],
  ) {}

  static async start(namespace: string, count: number): Promise<ClientPods> {
    const container = {
      name: 'client',
      image: IMAGE,
      imagePullPolicy: 'IfNotPresent',
      command: ['node', '-e', 'setInterval(() => {}, 1000)'],
      resources: { requests: { cpu: '1m', memory: '16Mi' } },
    };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'client', namespace },
      spec: {
        replicas: count,
        selector: { matchLabels: { app: 'client' } },
        template: {
          metadata: { labels: { app: 'client' } },
          spec: { containers: [container], terminationGracePeriodSeconds: 0 },
        },
      },
    };
    await kubectl(['apply', '--filename', '-'], JSON.stringify(deployment));
    await kubectl(['rollout', 'status', 'deployment/client', '--namespace', namespace, '--timeout=120s']);
    const names = await kubectl([
      'get',
      'pods',
      '-n',
      namespace,
      '-l',
      LABEL,
      '-o',
      'jsonpath={.items[*].metadata.name}',
    ]);
    return new ClientPods(namespace, names.split(' '));
  }

  /** Connects from a pod so many times, one after the other. @returns the pod of the gateway that answered each. */
  async connect(pod: string, url: string, { times = 1, headers = {} } = {}): Promise<string[]> {
    const argument = JSON.stringify([url, headers, times]);
    const told = await kubectl([
      'exec',
      '--namespace',
      this.namespace,
      pod,
      '--',
      'node',
      '--input-type=module',
      '-e',
      SCRIPT,
      argument,
    ]);
    return JSON.parse(told) as string[];
  }
}

/** The IP address where the cluster's ingress controller answers. */
export async function ingressAddress(): Promise<string> {
  const told = process.env['E2E_INGRESS_ADDRESS'];
  if (told !== undefined) return told;
  const address = await kubectl(['get', 'pods', '-A', '-l', 'app=traefik', '-o', 'jsonpath={.items[0].status.hostIP}']);
  if (address === '') throw new Error('no ingress controller was found: set E2E_INGRESS_ADDRESS');
  return address;
}

/** Connects so many times, one after the other, and closes at once. */
export async function connectTimes(times: number, options: Parameters<typeof connect>[0]): Promise<Connected[]> {
  const all: Connected[] = [];
  for (let time = 0; time < times; time++) {
    const connected = await connect(options);
    connected.socket.close();
    all.push(connected);
  }
  return all;
}
