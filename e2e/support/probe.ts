import { expect, vi } from 'vitest';
import { isReady } from './cluster.js';
import { GATEWAY_IMAGE } from './images.js';
import type { Namespace } from './namespace.js';
import { reached, type Target } from './reach.js';

/** The ports of every probe: those of the brokers, of name servers, of https, and two of no special meaning. */
export const PORTS = [53, 443, 4222, 5353, 5432, 5671, 5672, 6379, 8085, 8443, 9000, 9092, 26_379] as const;
/** Those that it also serves by UDP. */
export const UDP_PORTS = [53, 5353, 9000] as const;

/** Returns what it receives. */
const SERVER = `
const [ports, udpPorts] = JSON.parse(process.argv[1]);
for (const port of ports) require('node:net').createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port);
for (const port of udpPorts) {
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (message, { address, port }) => socket.send(message, port, address)).bind(port);
}
`;

type Labels = Readonly<Record<string, string>>;

/** A pod that serves ports, and connects to others. */
export class Probe {
  private constructor(
    private readonly namespace: Namespace,
    readonly name: string,
    readonly address: string,
  ) {}

  /** Resolves when it serves its ports. */
  static async start(namespace: Namespace, name: string, labels: Labels = { app: name }): Promise<Probe> {
    const container = {
      name: 'probe',
      // The gateway's image contains Node.
      image: GATEWAY_IMAGE,
      command: ['node', '-e', SERVER, JSON.stringify([PORTS, UDP_PORTS])],
      resources: { requests: { cpu: '1m', memory: '16Mi' } },
      readinessProbe: { tcpSocket: { port: PORTS[0] }, periodSeconds: 1 },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    };
    await namespace.cluster.core.createNamespacedPod({
      namespace: namespace.name,
      body: {
        metadata: { name, labels },
        spec: {
          containers: [container],
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
            sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
          },
          terminationGracePeriodSeconds: 0,
        },
      },
    });
    const address = await vi.waitFor(
      async () => {
        const pod = await namespace.cluster.core.readNamespacedPod({ namespace: namespace.name, name });
        expect(isReady(pod), `${name} is ready`).toBe(true);
        return pod.status?.podIP ?? '';
      },
      { timeout: 120_000, interval: 300 },
    );
    return new Probe(namespace, name, address);
  }

  /** All of its ports as targets. */
  get ports(): readonly (Target & { readonly name: string })[] {
    const { name, address } = this;
    return [
      ...PORTS.map((port) => ({ name: `${name}:${port}`, address, port })),
      ...UDP_PORTS.map((port) => ({ name: `${name}:${port}/udp`, address, port, protocol: 'udp' as const })),
    ];
  }

  reached<T extends Target>(targets: readonly T[]): Promise<T[]> {
    return reached(this.namespace, { pod: this.name, container: 'probe' }, targets);
  }
}
