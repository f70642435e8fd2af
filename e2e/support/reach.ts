import { execute } from './execute.js';
import type { Namespace } from './namespace.js';

/** Where to connect to. */
export interface Target {
  /** An IP address or a name. */
  readonly address: string;
  readonly port: number;
  /** TCP by default. By UDP a query for a name is sent, and any answer counts. */
  readonly protocol?: 'udp';
}

/** Prints for each target whether it can be reached. A policy may refuse a connection or drop its packets. */
const SCRIPT = `
const [targets, within] = JSON.parse(process.argv[1]);
// A query for the address of kubernetes.default.svc.cluster.local (RFC 1035, section 4.1).
const labels = ['kubernetes', 'default', 'svc', 'cluster', 'local', ''];
const query = Buffer.concat([
  Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
  Buffer.from([0, 1, 0, 1]),
]);
const attempt = ({ address, port, protocol }) => new Promise((resolve) => {
  setTimeout(resolve, within, false);
  if (protocol === 'udp') {
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', () => resolve(true)).on('error', () => resolve(false));
    socket.connect(port, address, (error) => (error ? resolve(false) : socket.send(query)));
  } else {
    require('node:net').connect({ host: address, port, noDelay: true })
      .on('connect', () => resolve(true)).on('error', () => resolve(false));
  }
});
Promise.all(targets.map(attempt)).then((all) => { console.log(JSON.stringify(all)); process.exit(); });
`;

const REACHED_WITHIN = 2_000;

/** The targets that a pod reaches, of a container with Node.js. */
export async function reached<T extends Target>(
  namespace: Namespace,
  { pod, container }: { readonly pod: string; readonly container: string },
  targets: readonly T[],
): Promise<T[]> {
  const words = ['node', '-e', SCRIPT, JSON.stringify([targets, REACHED_WITHIN])];
  const all = JSON.parse(await execute(namespace, pod, container, words)) as boolean[];
  return targets.filter((_, index) => all[index]);
}
