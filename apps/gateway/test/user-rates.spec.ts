import { SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Backend } from './support/backend.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

/** Sends pings on all connections, several at a time, and waits for the replies. @returns the duration in ms. */
async function ping(clients: readonly TestClient[], times: number): Promise<number> {
  const begun = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let n = 0; n < times; n += 10) {
        await Promise.all(Array.from({ length: 10 }, () => client.request('ping')));
      }
    }),
  );
  return performance.now() - begun;
}

function connections(gateway: TestGateway, user: string, count: number): Promise<TestClient[]> {
  return Promise.all(Array.from({ length: count }, () => connectAs(gateway, { sub: user })));
}

describe('what one user sends', () => {
  it('is read at a common rate for all connections, and nothing is lost or refused', async () => {
    const gateway = await startGateway({ limits: { userFrames: { burst: 200, perSecond: 400 } } });
    const many = await connections(gateway, 'mallory', 5);
    const [ann] = await connections(gateway, 'ann', 1);
    const flood = ping(many, 200);
    if (ann !== undefined) expect(await ping([ann], 10)).toBeLessThan(1_000);
    // 1,000 frames and 5 connects, of which 200 are handled at once.
    expect(await flood).toBeGreaterThan(1_500);
    await expect.poll(() => metric(gateway, 'holdfast_limited_total{limit="user_frames"}')).toBeGreaterThan(0);
    expect(many.flatMap((client) => client.of('error'))).toEqual([]);
    expect(many.every((client) => client.webSocket.readyState === 1)).toBe(true);
  });

  it('is read at a common rate of bytes for all connections', async () => {
    const gateway = await startGateway({
      limits: { userBytes: { burst: 500_000, perSecond: 500_000 } },
      namespaceDefaults: { publish: 'anyone' },
    });
    const begun = performance.now();
    const many = await connections(gateway, 'mallory', 5);
    for (let n = 0; n < 6; n += 1) {
      await Promise.all(many.map((client) => client.publish('room', 'x'.repeat(50_000))));
    }
    expect(performance.now() - begun).toBeGreaterThan(1_500);
    await expect.poll(() => metric(gateway, 'holdfast_limited_total{limit="user_bytes"}')).toBeGreaterThan(0);
  });

  it('counts as several frames if it leads to an authorization request', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startGateway(
      {
        limits: { userFrames: { burst: 100, perSecond: 100 } },
        namespaceDefaults: { publish: 'granted' },
        webhooks: { authorization: { actions: ['publish'] } },
      },
      backend.env,
    );
    const [client] = await connections(gateway, 'mallory', 1);
    const begun = performance.now();
    await Promise.all(Array.from({ length: 30 }, (_, n) => client?.publish(`room:${n}`, 1)));
    expect(performance.now() - begun).toBeGreaterThan(1_000);
    expect(backend.requestsOf('authorize.publish')).toHaveLength(30);
  });

  it('includes connects, so that reconnecting does not raise the rate', async () => {
    const gateway = await startGateway({ limits: { userFrames: { burst: 100, perSecond: 100 } } });
    const begun = performance.now();
    for (let n = 0; n < 20; n += 1) (await connectAs(gateway, { sub: 'mallory' })).webSocket.terminate();
    expect(performance.now() - begun).toBeGreaterThan(700);
    await connectAs(gateway, { sub: 'ann' });
  });

  it('far above the rate leads to refused connections for a while', async () => {
    const gateway = await startGateway({ limits: { userFrames: { burst: 1, perSecond: 0.01 } } });
    await connectAs(gateway, { sub: 'mallory' });
    const token = await signToken({ sub: 'mallory' });
    const url = `${gateway.webSocketUrl}?access_token=${token}`;
    const { code } = await new TestClient(new WebSocket(url, [SUBPROTOCOL])).closed;
    expect(code).toBe(1013);
    await expect.poll(() => metric(gateway, 'holdfast_limited_total{limit="user_connection_rate"}')).toBe(1);
    await connectAs(gateway, { sub: 'ann' });
  });
});

describe('anonymous clients of one address', () => {
  const LIMITS = { trustedHops: 0, publishes: { burst: 1, perSecond: 0.01 } };

  it('share the quotas of ten users, however many sessions they start', async () => {
    const gateway = await startGateway({ limits: LIMITS, namespaceDefaults: { publish: 'anyone' } });
    const codes: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const client = await gateway.connect();
      const outcome = client.publish('room', n).then(() => 'stored');
      codes.push(await outcome.catch(({ code }: { code: string }) => code));
    }
    expect(codes).toEqual([...Array.from({ length: 10 }, () => 'stored'), 'rate_limited', 'rate_limited']);
    const user = await connectAs(gateway, { sub: 'ann' });
    await user.publish('room', 1);
    expect(await refusal(user.publish('room', 2))).toMatchObject({ code: 'rate_limited' });
  });
});
