import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { PassThrough } from 'node:stream';
import type { KubeConfig, V1Pod } from '@kubernetes/client-node';
import { nameOf } from '../gateway/labels.js';
import { loadKubernetes } from '../snapshot/read.js';
import type { Address } from '../../verify/address.js';

/** How long a connection to the address of a pod may take, in ms: across a network that drops packets it never fails. */
const CONNECTED_WITHIN = 1_500;

/** Reaches the ports of pods: directly if this machine can, or else as `kubectl port-forward` does. */
export class PodReach {
  readonly #servers: Server[] = [];

  readonly #config: KubeConfig;
  readonly #namespace: string;

  constructor(config: KubeConfig, namespace: string) {
    this.#config = config;
    this.#namespace = namespace;
  }

  /** Where a port of a pod can be reached; undefined if it cannot. */
  async find(pod: V1Pod, port: number): Promise<Address | undefined> {
    const direct = { host: pod.status?.podIP ?? '', port };
    if (direct.host !== '' && (await accepts(direct))) return direct;
    return this.forward(nameOf(pod), port);
  }

  /** Forwards a local port to one of a pod. @returns its address; undefined if the user may not, or nothing answers. */
  async forward(pod: string, port: number): Promise<Address | undefined> {
    const { PortForward } = await loadKubernetes();
    const forward = new PortForward(this.#config, true);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      const opening = forward.portForward(this.#namespace, pod, [port], socket, null, socket);
      opening.catch(() => socket.destroy());
      socket.on('close', () => {
        // The library returns a function only if it may connect again, which nobody asked for.
        opening.then((stream) => typeof stream !== 'function' && stream.close()).catch(() => undefined);
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    this.#servers.push(server);
    // Whether it is permitted shows at the first connection.
    const isPermitted = await this.#opens(pod, port);
    return isPermitted ? { host: '127.0.0.1', port: (server.address() as AddressInfo).port } : undefined;
  }

  async #opens(pod: string, port: number): Promise<boolean> {
    const { PortForward } = await loadKubernetes();
    const [output, input] = [new PassThrough(), new PassThrough()];
    try {
      const stream = await new PortForward(this.#config, true).portForward(
        this.#namespace,
        pod,
        [port],
        output,
        null,
        input,
      );
      if (typeof stream !== 'function') stream.close();
      return true;
    } catch {
      return false;
    } finally {
      input.end();
    }
  }

  /** Stops to forward. Sockets must be closed before. */
  close(): void {
    for (const server of this.#servers) server.close();
  }
}

function accepts(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: CONNECTED_WITHIN });
    const end = (result: boolean) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', end(true)).on('timeout', end(false)).on('error', end(false));
  });
}
