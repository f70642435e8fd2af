import type { ErrorData } from '@holdfast/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { merged, QUICK, type Values } from '../support/release.js';
import { Scene } from '../support/scene.js';
import { CloseError, connect, UpgradeError, type ConnectOptions } from '../support/socket.js';

const CLASSES = inject('ingressClasses');

let namespace: Namespace;
let scene: Scene;
const open: { close(): void }[] = [];

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'limits');
  scene = await Scene.install(namespace, merged(QUICK, { sessionAffinity: { mode: 'none' } }));
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** All clients come through the Ingresses, without a cookie, one hop from the gateway. */
async function apply(config: Values): Promise<void> {
  await scene.upgrade({ rollingUpdate: { maxSurge: '100%' }, config: { auth: { anonymous: true }, ...config } });
  for (const { name } of CLASSES) await eventually(async () => (await connect(through(name))).socket.close());
}

function through(name: string, options: Partial<ConnectOptions> = {}): ConnectOptions {
  const { address, host } = scene.routes.get(name);
  return { address, host, ...options };
}

async function as(user: string): Promise<Partial<ConnectOptions>> {
  return { headers: { authorization: `Bearer ${await scene.token(user)}` } };
}

interface Outcome {
  readonly taken: number;
  /** How the others were refused, by class. */
  readonly refusals: Readonly<Record<string, readonly number[]>>;
}

/** Opens a number of connections, through each class in turn. */
async function connectAll(
  times: number,
  options: (time: number) => Partial<ConnectOptions> = () => ({}),
): Promise<Outcome> {
  const refusals: Record<string, number[]> = {};
  let taken = 0;
  for (let time = 0; time < times; time += 1) {
    const { name } = CLASSES[time % CLASSES.length] ?? { name: '' };
    try {
      open.push((await connect(through(name, options(time)))).socket);
      taken += 1;
    } catch (error) {
      const refused = (refusals[name] ??= []);
      if (error instanceof UpgradeError) refused.push(error.status ?? 0);
      else if (error instanceof CloseError) refused.push(error.code);
      else throw error;
    }
  }
  return { taken, refusals };
}

/** Each class passed on this refusal, and no other. */
function expectOnly(refusal: number, { refusals }: Outcome): void {
  const kinds = Object.entries(refusals).map(([name, all]) => [name, [...new Set(all)]]);
  expect(Object.fromEntries(kinds)).toEqual(Object.fromEntries(CLASSES.map(({ name }) => [name, [refusal]])));
}

describe('through the Ingresses of all classes, connections are limited', () => {
  describe('by number', () => {
    // Room on each pod for two users.
    beforeAll(() => apply({ limits: { connections: { perPod: 5, perUser: 2 } } }));

    it('by pod: pods fill up, then upgrades get 503, and a client that leaves makes room', async () => {
      const outcome = await connectAll(40);
      expect(outcome.taken).toBe(3 * 5);
      expectOnly(503, outcome);
      open.shift()?.close();
      await vi.waitFor(async () => expect((await connectAll(3)).taken).toBe(1), { timeout: 10_000 });
    });

    it('by user: 1013 with the subprotocol, 429 without, and no effect on other users', async () => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      // The connections of the test before count until the gateway has seen their end.
      await vi.waitFor(async () => expect((await connectAll(3, () => bob)).taken).toBe(3), { timeout: 10_000 });
      const outcome = await connectAll(20, () => ann);
      expect(outcome.taken).toBe(3 * 2);
      expectOnly(1013, outcome);
      expectOnly(429, await connectAll(CLASSES.length, () => ({ ...ann, subprotocol: false })));
    });
  });

  it('by address, which cannot be forged with a header', async () => {
    await apply({ limits: { trustedHops: 1, connections: { perAddress: 3 } } });
    const { taken, refusals } = await connectAll(30, (time) => ({
      headers: { 'x-forwarded-for': `192.0.2.${time}`, 'x-real-ip': `192.0.2.${time}` },
    }));
    expect(taken, JSON.stringify(refusals)).toBe(3 * 3);
  });

  it('by the rate of upgrades from an address', async () => {
    await apply({ limits: { trustedHops: 1, connectionRate: { perAddress: { burst: 9, perSecond: 0.01 } } } });
    const outcome = await connectAll(60, () => ({ subprotocol: false }));
    // The readiness checks used up a part of each pod's rate.
    expect(outcome.taken).toBeGreaterThan(0);
    expect(outcome.taken).toBeLessThanOrEqual(3 * 9);
    expectOnly(429, outcome);
  });
});

describe('through the Ingresses of all classes, and in the API,', () => {
  beforeAll(() =>
    apply({
      limits: {
        frames: { burst: 20, perSecond: 0.01 },
        publishes: { burst: 3, perSecond: 0.01 },
        apiRequests: { burst: 4, perSecond: 0.01 },
      },
      namespaceDefaults: { publish: 'anyone' },
    }),
  );

  it.each(CLASSES)('a frame is limited in its size, through class $name: 1009', async ({ name }) => {
    const { socket } = await connect(through(name));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send(JSON.stringify({ event: 'ping', id: 1, data: { text: 'x'.repeat(65_536) } }));
    expect(await closed).toBe(1009);
  });

  it.each(CLASSES)(
    'the frames of a connection through class $name are refused at first, and it is closed with 1008 if it continues',
    async ({ name }) => {
      const { socket } = await connect(through(name));
      const refused: ErrorData[] = [];
      socket.on('message', (bytes: Buffer) => {
        const frame = JSON.parse(bytes.toString()) as { event: string; data: ErrorData };
        if (frame.event === 'error') refused.push(frame.data);
      });
      const closed = new Promise((resolve) => socket.once('close', resolve));
      for (let id = 1; id <= 60; id += 1) socket.send(JSON.stringify({ event: 'ping', id }));
      expect(await closed).toBe(1008);
      expect(refused[0]).toMatchObject({ code: 'rate_limited', retryable: true });
    },
  );

  it('a connection is limited in its publishes', async () => {
    const { socket } = await connect(through(scene.routes.first.name, await as('ann')));
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

  it('requests are limited in the size of a body: 413, and by the rate of a key: 429 with Retry-After', async () => {
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

function post(body: object): Promise<Response> {
  return fetch(`${scene.apiUrl}/publish`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${scene.apiKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}
