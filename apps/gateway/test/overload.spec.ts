import { errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { Authenticator } from '../src/auth/index.js';
import { Connections } from '../src/connection/connections.js';
import { Overload } from '../src/limits/overload.js';
import { startGateway } from './support/gateway.js';
import { metric } from './support/metric.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';

/** Keeps the event loop busy, `ms` at a time with hardly a pause, until stopped. */
function block(ms: number): () => void {
  const timer = setInterval(() => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }, 1);
  return () => clearInterval(timer);
}

describe('promise 7: a pod with a delayed event loop', () => {
  it('refuses upgrades with 503 before it reads a token, keeps its clients, and recovers', async () => {
    const sut = await startGateway({ overload: { maxEventLoopDelay: 0.1, shedAfter: 3_600 } });
    const client = await sut.connect();
    const verify = vi.spyOn(sut.app.get(Authenticator), 'connection');
    const overload = sut.app.get(Overload);
    const unblock = block(200);
    try {
      await vi.waitFor(() => expect(overload.isOverloaded).toBe(true));
      const raw = await RawSocket.connect(sut.port);
      raw.write(upgradeRequest({ path: '/ws?access_token=x', headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOL } }));
      const { status, headers, body } = await raw.answer();
      expect({ status, body }).toEqual({ status: 503, body: errorData('overloaded') });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(verify).not.toHaveBeenCalled();
      expect(await client.request('ping')).toEqual({});
      // It serves its clients, and therefore stays in service.
      expect((await fetch(`${sut.url}/health/ready`)).status).toBe(200);
      await expect.poll(() => metric(sut, 'holdfast_overloaded')).toBe(1);
      await expect.poll(() => metric(sut, 'holdfast_event_loop_delay_seconds')).toBeGreaterThan(0.1);
    } finally {
      unblock();
    }
    await vi.waitFor(() => expect(overload.isOverloaded).toBe(false));
    await expect(sut.connect()).resolves.toBeDefined();
    await expect.poll(() => metric(sut, 'holdfast_memory_share')).toBeGreaterThan(0);
  });
});

describe('promise 7: clients of an overloaded pod', () => {
  it('are asked to leave in turn, each once in a while, and none is closed', async () => {
    const sut = await startGateway();
    const clients = await Promise.all(Array.from({ length: 10 }, () => sut.connect()));
    const connections = sut.app.get(Connections);
    expect(connections.askSome(3, 30_000)).toBe(3);
    expect(connections.askSome(3, 30_000)).toBe(3);
    expect(connections.askSome(10, 30_000)).toBe(4);
    expect(connections.askSome(10, 30_000)).toBe(0);
    for (const client of clients) {
      expect((await client.next('reconnect')).data).toEqual({ within: 30_000, reason: 'overloaded' });
      expect(await client.request('ping')).toEqual({});
      expect(client.of('reconnect')).toHaveLength(1);
    }
  });

  it('may stay as long as they like, and may be asked again', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    const connections = sut.app.get(Connections);
    connections.askSome(1, 100);
    await vi.waitFor(() => expect(connections.askSome(1, 100)).toBe(1));
    await vi.waitFor(() => expect(client.of('reconnect')).toHaveLength(2));
    // After both times and the check that follows them.
    await vi.waitFor(() => expect(connections.askSome(1, 100)).toBe(1));
    await vi.waitFor(() => expect(connections.askSome(1, 1_000)).toBe(1));
    await vi.waitFor(() => expect(connections.askSome(1, 1_000)).toBe(1));
    expect(await client.request('ping')).toEqual({});
  });
});
