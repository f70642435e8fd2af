import { errorData } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { Backend } from './support/backend.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { json } from './support/http-server.js';
import { Issuer } from './support/issuer.js';
import { metric } from './support/metric.js';
import { RawSocket, upgradeRequest, type UpgradeRequest } from './support/raw-socket.js';
import { signToken } from './support/tokens.js';

/** Requests a WebSocket, without waiting for the response. */
async function begin({ port }: TestGateway, request: UpgradeRequest = {}): Promise<RawSocket> {
  const raw = await RawSocket.connect(port);
  raw.write(upgradeRequest(request));
  return raw;
}

/** The status of the response; 0 if the connection was closed without one. */
async function statusOf(raw: RawSocket): Promise<number> {
  let isClosed = false;
  void raw.closed.then(() => (isClosed = true));
  await vi.waitFor(() => expect(isClosed || raw.received.includes('\r\n\r\n')).toBe(true), {
    interval: 5,
  });
  return Number(raw.received.toString('latin1').split(' ', 2)[1] ?? 0);
}

async function ask(gateway: TestGateway, request: UpgradeRequest = {}): Promise<number> {
  return statusOf(await begin(gateway, request));
}

async function bearer(sub: string): Promise<UpgradeRequest> {
  return { headers: { Authorization: `Bearer ${await signToken({ sub })}` } };
}

function from(address: string): UpgradeRequest {
  return { headers: { 'X-Forwarded-For': address } };
}

/** Silent connections, more than the limit of pending ones. */
async function openSilentConnections(gateway: TestGateway): Promise<void> {
  for (let n = 0; n < 30; n += 1) await RawSocket.connect(gateway.port);
  await vi.waitFor(async () => expect(await limited(gateway, 'pending')).toBeGreaterThan(10));
}

function limited(gateway: TestGateway, limit: string): Promise<number | undefined> {
  return metric(gateway, `holdfast_limited_total{limit="${limit}"}`);
}

describe('an upgrade that waits for its verification', () => {
  it('by the authorization webhook does not lose its place to silent connections', async () => {
    const answers: ((answer: object) => void)[] = [];
    const backend = await Backend.start(() => new Promise<object>((resolve) => answers.push(resolve)));
    const gateway = await startGateway(
      { limits: { pending: 5 }, webhooks: { authorization: { actions: ['connect'], timeout: 20 } } },
      backend.env,
    );
    const upgrades = await Promise.all([begin(gateway), begin(gateway), begin(gateway)]);
    await vi.waitFor(() => expect(answers).toHaveLength(3));
    await expect.poll(() => metric(gateway, 'holdfast_verifying')).toBe(3);
    await openSilentConnections(gateway);
    for (const answer of answers) answer({ allow: true });
    expect(await Promise.all(upgrades.map(statusOf))).toEqual([101, 101, 101]);
    await expect.poll(() => metric(gateway, 'holdfast_verifying')).toBe(0);
  });

  it('by the keys of an identity provider does not lose its place to silent connections', async () => {
    const issuer = await Issuer.start('key-1');
    const answers: (() => void)[] = [];
    issuer.answer = (response) => void answers.push(() => json(response, issuer.keySet()));
    const gateway = await startGateway(
      { limits: { pending: 5 } },
      { HOLDFAST_JWT_SECRET: '', HOLDFAST_JWKS_URL: issuer.url },
    );
    const upgrade = await begin(gateway, {
      headers: { Authorization: `Bearer ${await issuer.sign('key-1', { sub: 'ann' })}` },
    });
    await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_verifying')).toBe(1));
    await openSilentConnections(gateway);
    for (const answer of answers) answer();
    expect(await statusOf(upgrade)).toBe(101);
  });

  it('counts against a limit, a quarter of which one address may use', async () => {
    const backend = await Backend.start(() => new Promise(() => undefined));
    const gateway = await startGateway(
      { limits: { verifying: 8, trustedHops: 1 }, webhooks: { authorization: { actions: ['connect'], timeout: 2 } } },
      backend.env,
    );
    const waiting: RawSocket[] = [];
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']) {
      for (let n = 0; n < 2; n += 1) waiting.push(await begin(gateway, from(address)));
      if (address === '192.0.2.1') {
        await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_verifying')).toBe(2));
        const refused = await begin(gateway, from(address));
        expect(await refused.answer()).toMatchObject({
          status: 503,
          body: errorData('overloaded', 'too many upgrades'),
        });
      }
    }
    await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_verifying')).toBe(8));
    expect(await ask(gateway, from('192.0.2.5'))).toBe(503);
    await expect.poll(() => limited(gateway, 'verifying')).toBe(2);
    // Each ends when its authorization request times out.
    expect(new Set(await Promise.all(waiting.map(statusOf)))).toEqual(new Set([503]));
    await expect.poll(() => metric(gateway, 'holdfast_verifying')).toBe(0);
  });

  it('frees its place when the client has disconnected and the verification has ended', async () => {
    const answers: ((answer: object) => void)[] = [];
    const backend = await Backend.start(() => new Promise<object>((resolve) => answers.push(resolve)));
    const gateway = await startGateway(
      { webhooks: { authorization: { actions: ['connect'], timeout: 20 } } },
      backend.env,
    );
    const upgrade = await begin(gateway);
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    upgrade.socket.destroy();
    answers[0]?.({ allow: true });
    await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_verifying')).toBe(0));
    await vi.waitFor(async () => expect(await metric(gateway, 'holdfast_pending_sockets')).toBe(0));
  });
});

describe('an upgrade that cannot succeed', () => {
  const RATE = { limits: { connectionRate: { perPod: { burst: 10, perSecond: 0.01 } } } };

  const kinds: Record<string, UpgradeRequest> = {
    'to a path that is not there': { path: '/nope' },
    'to a target that is not a path': { path: 'http://gateway.test/ws' },
    'by another method': { method: 'OPTIONS' },
    'with a body': { headers: { 'Content-Length': '1' } },
    'with two hosts': { headers: { host: 'other.test' } },
    'without a version': { headers: { 'Sec-WebSocket-Version': undefined } },
    'without a key': { headers: { 'Sec-WebSocket-Key': undefined } },
    'from a page of another site': { headers: { Origin: 'https://evil.test' } },
  };

  it.each(Object.entries(kinds))('%s does not count against the rate of valid upgrades', async (_kind, request) => {
    const gateway = await startGateway(RATE, { HOLDFAST_TRUSTED_HOPS: '1' });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1) statuses.push(await ask(gateway, request));
    // Beyond a rate of their own they get no response.
    expect(statuses.slice(0, 2).every((status) => status >= 400 && status < 500)).toBe(true);
    expect(statuses.slice(2)).toEqual([0, 0, 0, 0, 0]);
    await expect.poll(() => limited(gateway, 'refusals')).toBe(5);
    for (let n = 0; n < 10; n += 1) expect(await ask(gateway)).toBe(101);
    expect(await ask(gateway)).toBe(503);
  });
});

describe('clients that authenticate', () => {
  const RATE = { limits: { connectionRate: { perPod: { burst: 10, perSecond: 0.01 } } } };

  it.each<[string, NodeJS.ProcessEnv, UpgradeRequest]>([
    ['anonymous clients', {}, {}],
    ['unauthenticated clients', { HOLDFAST_ANONYMOUS: 'false' }, {}],
  ])('have a reserve in the rate of upgrades that %s cannot use up', async (_who, env, request) => {
    const gateway = await startGateway(RATE, env);
    for (let n = 0; n < 10; n += 1) expect(await ask(gateway, request)).toBe(101);
    expect(await ask(gateway, request)).toBe(503);
    for (let n = 0; n < 5; n += 1) expect(await ask(gateway, await bearer(`user-${n}`))).toBe(101);
    // The reserve is used up too.
    expect(await ask(gateway, await bearer('ann'))).toBe(503);
  });

  it('lose nothing of the rate to invalid tokens', async () => {
    const gateway = await startGateway(RATE);
    for (let n = 0; n < 30; n += 1) {
      expect(await ask(gateway, { headers: { Authorization: 'Bearer nonsense' } })).toBe(401);
    }
    for (let n = 0; n < 15; n += 1) expect(await ask(gateway, await bearer(`user-${n}`))).toBe(101);
  });

  it('are identified by a limited number of checks, beyond which the common rate applies first', async () => {
    const gateway = await startGateway(RATE);
    const wrong = { headers: { Authorization: 'Bearer nonsense' } };
    const statuses: number[] = [];
    for (let n = 0; n < 60; n += 1) statuses.push(await ask(gateway, wrong));
    expect(statuses.filter((status) => status === 401)).toHaveLength(4 * 10 + 10);
    expect(statuses.slice(50).every((status) => status === 503)).toBe(true);
  });

  it('have no reserve if only the backend can authenticate them, and none of them is refused for that', async () => {
    const backend = await Backend.start(() => ({ allow: true, user: 'ann' }));
    const gateway = await startGateway(
      { ...RATE, webhooks: { authorization: { actions: ['connect'] } } },
      { ...backend.env, HOLDFAST_JWT_SECRET: '', HOLDFAST_ANONYMOUS: 'false' },
    );
    const opaque = { headers: { Authorization: 'Bearer opaque' } };
    for (let n = 0; n < 10; n += 1) expect(await ask(gateway, opaque)).toBe(101);
    expect(await ask(gateway, opaque)).toBe(503);
    expect(backend.requestsOf('authorize.connect')).toHaveLength(10);
  });
});

describe('clients with a private address', () => {
  const LIMITS = { trustedHops: 1, connectionRate: { perAddress: { burst: 2, perSecond: 0.01 } } };

  it('are limited by their address, unless it may be that of a node or a proxy', async () => {
    const [all, publicOnly] = [
      await startGateway({ limits: LIMITS }),
      await startGateway({ limits: { ...LIMITS, privateAddresses: false } }),
    ];
    for (const address of ['10.1.2.3', '192.168.1.1', '100.64.0.1', 'fd00::1', 'fe80::1', '127.0.0.1']) {
      const statuses = async (gateway: TestGateway): Promise<number[]> => [
        await ask(gateway, from(address)),
        await ask(gateway, from(address)),
        await ask(gateway, from(address)),
      ];
      expect(await statuses(all)).toEqual([101, 101, 429]);
      expect(await statuses(publicOnly)).toEqual([101, 101, 101]);
    }
    for (let n = 0; n < 2; n += 1) expect(await ask(publicOnly, from('203.0.113.7'))).toBe(101);
    expect(await ask(publicOnly, from('203.0.113.7'))).toBe(429);
    expect(await ask(publicOnly, from('2001:db8::1'))).toBe(101);
  });
});
