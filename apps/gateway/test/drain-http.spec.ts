import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { expect, it, describe, onTestFinished, vi } from 'vitest';
import { startGatewayProcess } from './support/gateway-process.js';
import { API_KEY, startGateway } from './support/gateway.js';
import { RawSocket } from './support/raw-socket.js';

const CONNECTIONS = 16;

/** Does what a Service does: sends each new connection to a ready pod, where it stays. */
async function startService(pick: () => number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (caller) => {
    const pod = connect({ port: pick(), host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [caller, pod]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.setNoDelay(true);
    }
    caller.on('error', () => pod.destroy());
    pod.on('error', () => caller.destroy());
    caller.pipe(pod);
    pod.pipe(caller);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** One publish over a keep-alive connection. */
function publish(port: number, agent: Agent, data: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ channel: 'x', data });
    const headers = { 'X-API-Key': API_KEY, 'Content-Type': 'application/json', 'Content-Length': body.length };
    const sent = request({ port, host: '127.0.0.1', agent, method: 'POST', path: '/api/publish', headers });
    sent.once('error', reject);
    sent.once('response', (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.end(body);
  });
}

describe('a backend that publishes over keep-alive connections', () => {
  it('sees no failed request while its pod stops, and moves to another pod', async () => {
    const settings = { HOLDFAST_DEMO: 'false', HOLDFAST_SETTLE_SECONDS: '2', HOLDFAST_DRAIN_SECONDS: '1' };
    const [stopping, other] = await Promise.all([startGatewayProcess(settings), startGatewayProcess(settings)]);
    let target = stopping.port;
    const service = await startService(() => target);
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    onTestFinished(() => agent.destroy());
    const outcomes: unknown[] = [];
    const over = new AbortController();
    const backends = Array.from({ length: CONNECTIONS }, async (_, index) => {
      for (let count = 0; !over.signal.aborted; count += 1) {
        outcomes.push(await publish(service, agent, count).catch((error: unknown) => error));
        // From busy connections to connections that are idle for a second.
        await sleep(index * index * 4);
      }
    });
    await vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(200));
    stopping.child.kill('SIGTERM');
    while ((await fetch(`${stopping.url}/health/ready`)).ok);
    target = other.port;
    expect(await stopping.exited).toBe(0);
    const before = outcomes.length;
    await vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(before + 100));
    over.abort();
    await Promise.all(backends);
    expect(outcomes.filter((outcome) => outcome !== 200)).toEqual([]);
  });

  it('gets `Connection: close` with each response, on both ports, as soon as the pod is not ready', async () => {
    const sut = await startGateway({}, { HOLDFAST_SETTLE_SECONDS: '1' });
    for (const path of ['/health/live', '/nowhere', '/api/openapi.json']) {
      expect((await fetch(`${sut.url}${path}`)).headers.get('connection'), path).toBe('keep-alive');
    }
    const stopped = sut.close();
    while ((await fetch(`${sut.url}/health/ready`)).ok);
    for (const path of [
      '/health/live',
      '/health/ready',
      '/nowhere',
      '/api/openapi.json',
      '/api/channels',
      '/ws',
      '/%',
    ]) {
      expect((await fetch(`${sut.url}${path}`)).headers.get('connection'), path).toMatch(/close/);
    }
    expect((await fetch(`${sut.managementUrl}/metrics`)).headers.get('connection')).toBe('close');
    await stopped;
  });

  it('gets the responses of requests in progress before the pod ends', async () => {
    const sut = await startGateway();
    const { ChannelsService } = await import('../src/channels/channels.service.js');
    const stored = Promise.withResolvers<{ epoch: string; offset: number }>();
    const spy = vi.spyOn(sut.app.get(ChannelsService), 'publish').mockReturnValueOnce(stored.promise);
    const raw = await RawSocket.connect(sut.port);
    const body = '{"channel":"x","data":1}';
    raw.write(
      `POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: ${API_KEY}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(spy).toHaveBeenCalledOnce());
    const stopped = sut.close();
    await sleep(500);
    stored.resolve({ epoch: 'e', offset: 1 });
    expect(await raw.answer()).toMatchObject({ status: 200, body: { epoch: 'e', offset: 1 } });
    await stopped;
  });
});
