import { WebSocket, type RawData } from 'ws';
import { EXIT, Failure } from '../failure.js';
import { optionsFor, type Destination } from './destination.js';
import type { Gateway } from './gateway.js';

/** How often each client reconnects. */
const CONNECTIONS = 5;

/** The number of clients, each with its own cookie. */
const CLIENTS = 3;

/** Checks that all connections from one address reach the same pod through the Service. @returns the result. @throws Failure */
export async function checkClientIpAffinity(service: Destination, gateway: Gateway): Promise<string> {
  const nodes: string[] = [];
  for (let count = 0; count < CLIENTS * CONNECTIONS; count += 1) {
    nodes.push((await connect(service, gateway)).node);
  }
  const distinct = [...new Set(nodes)];
  const [node] = distinct;
  if (distinct.length === 1) return `clientIP: ${nodes.length} connections, all on ${node}`;
  throw new Failure(
    EXIT.failed,
    `clientIP: ${nodes.length} connections of one address reached ${distinct.join(', ')}: perhaps something in front of ` +
      'the Service connects to the pods directly, as most ingress controllers do',
  );
}

/** Checks that all connections with one cookie reach the same pod. @returns the result. @throws Failure */
export async function checkCookieAffinity(ingress: Destination, gateway: Gateway, name: string): Promise<string> {
  const homes = new Set<string>();
  for (let client = 0; client < CLIENTS; client += 1) {
    const first = await connect(ingress, gateway);
    const cookie = first.cookies.get(name);
    if (cookie === undefined) {
      const others = [...first.cookies.keys()].join(', ');
      throw new Failure(
        EXIT.failed,
        `cookie: the response to the upgrade sets no cookie ${name}${others === '' ? '' : ` (but ${others})`}: is the ` +
          'annotation that of this ingress controller?',
      );
    }
    for (let count = 1; count < CONNECTIONS; count += 1) {
      const { node } = await connect(ingress, gateway, `${name}=${cookie}`);
      if (node === first.node) continue;
      throw new Failure(EXIT.failed, `cookie: a connection with the cookie of ${first.node} reached ${node}`);
    }
    homes.add(first.node);
  }
  return `cookie ${name}: ${CLIENTS} clients, ${CONNECTIONS} connections each, all on the pod of their first connection: ${[...homes].join(', ')}`;
}

interface Landing {
  readonly node: string;
  readonly cookies: ReadonlyMap<string, string>;
}

/** Opens one connection, and returns the pod that it reached. */
async function connect(destination: Destination, { token, deadline }: Gateway, cookie?: string): Promise<Landing> {
  const socket = new WebSocket(destination.url, SUBPROTOCOL, {
    ...optionsFor(destination),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(cookie === undefined ? {} : { cookie }),
    },
  });
  let cookies: ReadonlyMap<string, string> = new Map();
  socket.on('upgrade', ({ headers }) => (cookies = parseCookies(headers['set-cookie'] ?? [])));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const place = destination.url.host;
  socket.on('error', (error) => {
    const hint = 'syscall' in error && error.syscall === 'getaddrinfo' ? NOT_RESOLVED : '';
    reject(new Failure(EXIT.failed, `no connection to ${place}: ${error.message}${hint}`));
  });
  socket.on('close', (code, reason) =>
    reject(new Failure(EXIT.failed, `${place} closed the connection: ${reason.toString() || 'no reason'} (${code})`)),
  );
  socket.on('message', (data: RawData) => {
    const { event, data: welcome } = JSON.parse((data as Buffer).toString()) as Frame;
    if (event === 'welcome') resolve(welcome.node);
  });
  try {
    return { node: await deadline.within(promise, () => `no welcome from ${place}`), cookies };
  } finally {
    socket.close(1000);
  }
}

/** Pods often cannot resolve the host that browsers use. */
const NOT_RESOLVED = '; set --ingress-address to the address of the ingress (test.ingressAddress of the chart)';

const SUBPROTOCOL = 'holdfast.v1.json';

interface Frame {
  readonly event: string;
  readonly data: { readonly node: string };
}

/** The names and values of Set-Cookie headers (RFC 6265, section 4.1). */
function parseCookies(headers: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    headers.map((header) => {
      const [, name = '', value = ''] = /^\s*([^=;]+?)\s*=\s*([^;]*)/.exec(header) ?? [];
      return [name, value.trim()];
    }),
  );
}
