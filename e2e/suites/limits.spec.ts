import type { ErrorData } from '@holdfast/protocol';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { QUICK, type Values } from '../support/release.js';
import { Scene } from '../support/scene.js';
import { CloseError, connect, UpgradeError, type ConnectOptions } from '../support/socket.js';

let namespace: Namespace;
let scene: Scene;
const open: { close(): void }[] = [];

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'limits');
  scene = await Scene.install(namespace, QUICK);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** Through the ingress, without its cookie, one hop from the gateway. */
async function apply(config: Values): Promise<void> {
  const auth = { anonymous: true };
  const ingress = { enabled: true, controller: 'traefik', hosts: [scene.host] };
  await scene.release.apply({
    ...QUICK,
    rollingUpdate: { maxSurge: '100%' },
    ingress,
    sessionAffinity: { mode: 'none' },
    config: { auth, ...config },
  });
  await eventually(async () => (await connect(through())).socket.close());
}

function through(options: Partial<ConnectOptions> = {}): ConnectOptions {
  return { address: scene.ingressAddress, host: scene.host, ...options };
}

async function as(user: string): Promise<Partial<ConnectOptions>> {
  const token = await new SignJWT({ sub: user })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('10 minutes')
    .sign(new TextEncoder().encode(scene.jwtSecret));
  return { headers: { authorization: `Bearer ${token}` } };
}

/** Opens a number of connections. @returns how many were accepted, and how the others were refused. */
async function connectAll(times: number, options: ConnectOptions): Promise<{ taken: number; refusals: number[] }> {
  const refusals: number[] = [];
  for (let time = 0; time < times; time += 1) {
    try {
      open.push((await connect(options)).socket);
    } catch (error) {
      if (error instanceof UpgradeError) refusals.push(error.status ?? 0);
      else if (error instanceof CloseError) refusals.push(error.code);
      else throw error;
    }
  }
  return { taken: times - refusals.length, refusals };
}

describe('through the ingress, connections are limited', () => {
  it('by pod: pods fill up, then upgrades get 503, and a client that leaves makes room', async () => {
    await apply({ limits: { connections: { perPod: 4 } } });
    const { taken, refusals } = await connectAll(30, through());
    expect(taken).toBe(3 * 4);
    expect(new Set(refusals)).toEqual(new Set([503]));
    open.shift()?.close();
    await vi.waitFor(async () => expect((await connectAll(3, through())).taken).toBe(1), { timeout: 10_000 });
  });

  it('by user: 1013 with the subprotocol, 429 without, and no effect on other users', async () => {
    await apply({ limits: { connections: { perUser: 2 } } });
    const { taken, refusals } = await connectAll(20, through(await as('ann')));
    expect(taken).toBe(3 * 2);
    expect(new Set(refusals)).toEqual(new Set([1013]));
    expect((await connectAll(1, through({ ...(await as('ann')), subprotocol: false }))).refusals).toEqual([429]);
    expect(await connectAll(3, through(await as('bob')))).toEqual({ taken: 3, refusals: [] });
  });

  it('by address, which cannot be forged with a header', async () => {
    await apply({ limits: { trustedHops: 1, connections: { perAddress: 3 } } });
    let total = 0;
    for (let host = 1; host <= 20; host += 1) {
      const headers = { 'x-forwarded-for': `192.0.2.${host}`, 'x-real-ip': `192.0.2.${host}` };
      const { taken } = await connectAll(1, through({ headers }));
      total += taken;
    }
    expect(total).toBe(3 * 3);
  });

  it('by the rate of upgrades from an address', async () => {
    await apply({ limits: { trustedHops: 1, connectionRate: { perAddress: { burst: 5, perSecond: 0.01 } } } });
    const { taken, refusals } = await connectAll(40, through({ subprotocol: false }));
    // The readiness checks used up a part of each pod's rate.
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(3 * 5);
    expect(new Set(refusals)).toEqual(new Set([429]));
  });
});

describe('through the ingress, a connection is limited', () => {
  beforeAll(() =>
    apply({
      limits: { frames: { burst: 20, perSecond: 0.01 }, publishes: { burst: 3, perSecond: 0.01 } },
      namespaceDefaults: { publish: 'anyone' },
    }),
  );

  it('in the size of a frame: 1009', async () => {
    const { socket } = await connect(through());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send(JSON.stringify({ event: 'ping', id: 1, data: { text: 'x'.repeat(65_536) } }));
    expect(await closed).toBe(1009);
  });

  it('in its frames: they are refused at first, and the connection is closed with 1008 if it continues', async () => {
    const { socket } = await connect(through());
    const refused: ErrorData[] = [];
    socket.on('message', (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString()) as { event: string; data: ErrorData };
      if (frame.event === 'error') refused.push(frame.data);
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (let id = 1; id <= 60; id += 1) socket.send(JSON.stringify({ event: 'ping', id }));
    expect(await closed).toBe(1008);
    expect(refused[0]).toMatchObject({ code: 'rate_limited', retryable: true });
  });

  it('in its publishes', async () => {
    const { socket } = await connect(through(await as('ann')));
    const answers: string[] = [];
    const four = new Promise<void>((resolve) =>
      socket.on('message', (bytes: Buffer) => {
        const { event, data } = JSON.parse(bytes.toString()) as { event: string; data: { code?: string } };
        answers.push(data.code ?? event);
        if (answers.length === 4) resolve();
      }),
    );
    for (let id = 1; id <= 4; id += 1) {
      socket.send(JSON.stringify({ event: 'publish', id, data: { channel: 'room:1', data: id } }));
    }
    await four;
    socket.close();
    expect(answers).toEqual(['reply', 'reply', 'reply', 'rate_limited']);
  });
});

function post(body: object): Promise<Response> {
  return fetch(`${scene.apiUrl}/publish`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${scene.apiKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe('the HTTP API is limited', () => {
  it('in the size of a body: 413, and by the rate of a key: 429 with Retry-After', async () => {
    await apply({ limits: { apiRequests: { burst: 4, perSecond: 0.01 } } });
    const large = await post({ channel: 'room:1', data: 'x'.repeat(1_100_000) });
    expect([large.status, ((await large.json()) as { code: string }).code]).toEqual([413, 'too_large']);
    const answers: Response[] = [];
    for (let count = 1; count <= 30; count += 1) answers.push(await post({ channel: 'room:1', data: count }));
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(3 * 4);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
