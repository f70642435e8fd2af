import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGatewayProcess } from './support/gateway-process.js';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import { RawSocket } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (body: string, headers: string): string =>
  `POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: ${API_KEY}\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const BODY = '{"channel":"x","data":"\\r\\n\\r\\n"}';
const withLength = post(BODY, `Content-Length: ${BODY.length}\r\n`);
const inChunks = post(
  `5\r\n${BODY.slice(0, 5)}\r\n${(BODY.length - 5).toString(16)}\r\n${BODY.slice(5)}\r\n0\r\n\r\n`,
  'Transfer-Encoding: chunked\r\n',
);
const LAST = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** A client that never reads. */
function silentReader(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.pause();
  onTestFinished(() => void socket.destroy());
  return socket;
}

function statuses(raw: RawSocket): number[] {
  return [...raw.received.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

/** Opens a socket to each port, with a path that it serves. */
function ports({ port, managementUrl }: TestGateway): [number, string][] {
  return [
    [port, '/api/openapi.json'],
    [Number(new URL(managementUrl).port), '/metrics'],
  ];
}

describe('pipelined requests', () => {
  it('are handled one after the other', async () => {
    const sut = await startGateway();
    const { ChannelsService } = await import('../src/channels/channels.service.js');
    let running = 0;
    let most = 0;
    vi.spyOn(sut.app.get(ChannelsService), 'publish').mockImplementation(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return { epoch: 'e', offset: 1 };
    });
    const raw = await RawSocket.connect(sut.port);
    raw.write(withLength.repeat(5) + inChunks.repeat(5) + LAST);
    await raw.closed;
    expect(statuses(raw)).toEqual(Array.from({ length: 11 }, () => 200));
    expect(most).toBe(1);
  });

  it.each([1, 2, 3, 7, 64])('are parsed in chunks of %i bytes', async (size) => {
    const sut = await startGateway();
    const raw = await RawSocket.connect(sut.port);
    raw.socket.setNoDelay(true);
    const text = withLength + get('/nowhere') + inChunks + get('/health/live') + withLength + LAST;
    for (let at = 0; at < text.length; at += size) {
      raw.write(text.slice(at, at + size));
      if (at % (32 * size) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await raw.closed;
    expect(statuses(raw)).toEqual([200, 404, 200, 200, 200, 200]);
    await expect.poll(() => metric(sut, 'holdfast_published_total')).toBe(3);
  });

  it('are dropped beyond the maximum size of a head, and the response before them announces that it is the last', async () => {
    const sut = await startGateway();
    for (const [port, path] of ports(sut)) {
      const raw = await RawSocket.connect(port);
      raw.write(get(path).repeat(1_900));
      await raw.closed;
      expect(statuses(raw)).toEqual([200]);
      expect(raw.received.toString('latin1')).toContain('Connection: close');
    }
  });

  it(
    'do not crash a gateway with the heap of the chart if the responses are not read, and do not delay others',
    { timeout: 180_000 },
    async () => {
      const sut = await startGatewayProcess({
        HOLDFAST_DEMO: 'false',
        NODE_ENV: 'production',
        NODE_OPTIONS: '--max-old-space-size=154',
      });
      const other = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
      const readers = Array.from({ length: 40 }, () => silentReader(sut.port));
      readers.forEach((socket, index) => {
        const path = index % 2 === 0 ? '/api/openapi.json' : '/nowhere';
        const request = get(path).repeat(100);
        const timer = setInterval(() => socket.write(request), 10);
        socket.write(get(path).repeat(1_900)).valueOf();
        socket.once('close', () => clearInterval(timer));
      });
      const end = performance.now() + 4_000;
      let worst = 0;
      while (performance.now() < end) {
        const asked = performance.now();
        expect(await other.request('ping')).toEqual({});
        worst = Math.max(worst, performance.now() - asked);
      }
      expect(worst).toBeLessThan(2_000);
      expect(sut.child.exitCode).toBeNull();
      expect(sut.child.signalCode).toBeNull();
    },
  );
});

describe('a client that does not read its responses', () => {
  it('counts as a connection without a request in progress, on both ports', async () => {
    const sut = await startGateway({ limits: { pending: 10 } });
    for (const [port, path] of ports(sut)) {
      let open = 0;
      const count = port === sut.port ? 40 : 140;
      const most = port === sut.port ? 10 : 100;
      for (let n = 0; n < count; n += 1) {
        const socket = silentReader(port);
        open += 1;
        // Until the kernel accepts no more.
        const timer = setInterval(() => socket.write(get(path).repeat(100)), 10);
        socket.once('close', () => {
          open -= 1;
          clearInterval(timer);
        });
      }
      await vi.waitFor(() => expect(open).toBeLessThanOrEqual(most), { timeout: 20_000 });
    }
    await expect(sut.connect()).resolves.toBeDefined();
  });
});

describe('unauthenticated requests', () => {
  it('are limited by a rate, and delay neither health checks nor requests with an API key', async () => {
    const sut = await startGateway();
    const flood = await RawSocket.connect(sut.port);
    const begun = performance.now();
    for (let sent = 0; sent < 800; sent += 100) {
      flood.write(get('/nowhere').repeat(100));
      await flood.until(() => statuses(flood).length >= Math.min(sent + 100, 490));
    }
    const [health, published] = await Promise.all([
      fetch(`${sut.url}/health/live`),
      fetch(`${sut.url}/api/publish`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ channel: 'a', data: 1 }),
      }),
    ]);
    expect([health.status, published.status]).toEqual([200, 200]);
    const most = 500 + ((performance.now() - begun) / 1_000 + 1) * 100;
    expect(statuses(flood).length).toBeLessThan(Math.min(most, 800));
    await flood.until(() => statuses(flood).length === 800);
    expect(performance.now() - begun).toBeGreaterThan(2_000);
    await expect.poll(() => metric(sut, 'holdfast_limited_total{limit="unproven_requests"}')).toBeGreaterThan(0);
  });
});
