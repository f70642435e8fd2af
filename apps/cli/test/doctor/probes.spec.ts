import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { createServer as createHttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { probeEdge } from '../../src/doctor/probes/edge.js';
import { probeMessages } from '../../src/doctor/probes/messages.js';
import { probePod } from '../../src/doctor/probes/pod.js';
import { startGateway, type TestGateway } from '../../../gateway/test/support/gateway.js';
import { startGatewaysOnOneBroker } from '../../../gateway/test/support/gateways-on-one-broker.js';
import { Certificate } from '../../../../libs/broadcast/test/support/certificate.js';

const started: (Server | TcpServer)[] = [];
afterEach(() => {
  for (const server of started.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  started.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));

/** Answers upgrades. */
function serveUpgrades(upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): Promise<number> {
  return listen(createServer().on('upgrade', upgrade));
}

function probe(port: number, { idle = 0, host = 'ws.example.com' } = {}) {
  return probeEdge(new URL(`ws://${host}/ws`), { address: { host: '127.0.0.1', port }, idle });
}

describe('the certificate that the probe of a URL sees', () => {
  const HOST = 'ws.example.com';
  let own: Certificate;

  beforeAll(async () => {
    own = await Certificate.make(`DNS:${HOST}`);
  });
  afterAll(() => own.remove());

  async function untrusted({ cert, key }: { cert: string; key: string }, host = HOST): Promise<string | undefined> {
    const port = await listen(createHttpsServer({ cert: readFileSync(cert), key: readFileSync(key) }));
    const url = new URL(`wss://${host}/ws`);
    const { certificate } = await probeEdge(url, { address: { host: '127.0.0.1', port }, idle: 0 });
    expect(certificate).toBeDefined();
    return certificate?.untrusted;
  }

  it('is not trusted if it is self-signed', async () => {
    expect(await untrusted(own)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('is not trusted if that of its issuer is not sent', async () => {
    expect(await untrusted(own.issue(HOST))).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('is trusted if its authority is, also for another host, which is a finding of its own', async () => {
    const before = getCACertificates('default');
    onTestFinished(() => setDefaultCACertificates(before));
    setDefaultCACertificates([...before, readFileSync(own.cert, 'utf8')]);
    expect(await untrusted(own)).toBeUndefined();
    expect(await untrusted(own, 'other.example.com')).toBeUndefined();
  });
});

describe('the probe of a URL', () => {
  it('sees a WebSocket that opens', async () => {
    const sockets = new WebSocketServer({ noServer: true });
    const port = await serveUpgrades((request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, () => undefined),
    );
    expect(await probe(port)).toEqual({
      url: 'ws://ws.example.com/ws',
      host: 'ws.example.com',
      resolved: undefined,
      upgrade: { kind: 'opened' },
    });
  });

  it('sees that a proxy removes the Upgrade headers', async () => {
    const port = await serve((request, response) => {
      // What a gateway answers to a request without the headers, as the proxy forwarded it.
      expect(request.headers.host).toBe('ws.example.com');
      response
        .writeHead(426)
        .end(JSON.stringify({ code: 'upgrade_required', message: 'open a WebSocket', retryable: false }));
    });
    expect((await probe(port)).upgrade).toEqual({ kind: 'refused', status: 426, code: 'upgrade_required' });
  });

  it.each([
    [502, { server: 'nginx' }],
    [301, { location: 'https://ws.example.com/ws' }],
  ])('sees the answer %i of something else', async (status, headers) => {
    const port = await serve((_request, response) => response.writeHead(status, headers).end('{"error":"other"}'));
    expect((await probe(port)).upgrade).toEqual({ kind: 'http', status, ...headers });
  });

  it('sees that nothing answers', async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()));
    expect((await probe(port)).upgrade).toMatchObject({ kind: 'failed' });
  });

  it('sees that DNS has no address', async () => {
    const result = await probeEdge(new URL('ws://doctor.holdfast.invalid/ws'), { idle: 0 });
    expect(result).toEqual({ url: 'ws://doctor.holdfast.invalid/ws', host: 'doctor.holdfast.invalid', resolved: [] });
  });

  it('sees who closes an idle WebSocket: something without a close frame', async () => {
    const port = await listen(cutting(await startGateway(), 200));
    const { idle } = await probe(port, { idle: 60_000 });
    expect(idle?.code).toBe(1006);
    expect(idle?.closedAfter).toBeGreaterThan(0);
  });

  it('sees that an idle WebSocket stays open', async () => {
    const { port } = await startGateway();
    expect((await probe(port, { idle: 300 })).idle).toMatchObject({ closedAfter: undefined });
  });
});

/** A proxy that cuts each connection some time after it was upgraded. */
function cutting({ port }: TestGateway, after: number): TcpServer {
  return createTcpServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    const cut = (): void => {
      socket.destroy();
      onward.destroy();
    };
    socket.on('error', cut).on('close', cut).pipe(onward);
    onward.on('error', cut).on('close', cut).pipe(socket);
    onward.once('data', () => setTimeout(cut, after));
  });
}

const health = (broker: object, date?: Date): Promise<number> =>
  serve((_request, response) => {
    if (date !== undefined) response.setHeader('date', date.toUTCString());
    response.end(JSON.stringify({ status: 'ok', details: { broker } }));
  });

describe('the probe of a pod', () => {
  it('has the reason why the broker cannot be used', async () => {
    const port = await health({ status: 'degraded', reason: 'connect ECONNREFUSED' });
    expect(await probePod('a', { clients: { host: '127.0.0.1', port } })).toMatchObject({
      pod: 'a',
      brokerProblem: 'connect ECONNREFUSED',
    });
  });

  it('sees a clock that is wrong', async () => {
    const port = await health({ status: 'up' }, new Date(Date.now() + 60_000));
    const result = await probePod('a', { clients: { host: '127.0.0.1', port } });
    expect(result?.brokerProblem).toBeUndefined();
    const { ahead = 0, error = 0 } = result?.clock ?? {};
    expect(Math.abs(ahead - 60_000)).toBeLessThanOrEqual(error);
  });

  const STATE = {
    now: Date.now() + 60_000,
    configuration: '0d1f',
    overloaded: true,
    broker: { up: false, reason: 'connect ECONNREFUSED' },
    limits: [{ name: 'connections', used: 99, max: 100 }],
  };

  it('is what the admin API says, if there is a key', async () => {
    const port = await serve((request, response) => {
      const isKnown = request.url === '/admin/state' && request.headers.authorization === 'Bearer admin-key';
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify(STATE));
    });
    const address = { host: '127.0.0.1', port };
    const result = await probePod('a', { clients: address, admin: { address, key: 'admin-key' } });
    expect(result).toMatchObject({
      brokerProblem: 'connect ECONNREFUSED',
      configuration: '0d1f',
      overload: 'connections 99 of 100',
    });
    expect(result?.adminProblem).toBeUndefined();
  });

  it('says why the admin API gave no answer, and is what everybody may see', async () => {
    const port = await serve(({ url }, response) => {
      response.writeHead(url === '/health' ? 200 : 401).end(JSON.stringify({ details: { broker: { status: 'up' } } }));
    });
    const address = { host: '127.0.0.1', port };
    const result = await probePod('a', { clients: address, admin: { address, key: 'other' } });
    expect(result).toMatchObject({ brokerProblem: undefined, adminProblem: 'it refuses the admin key' });
  });

  it('is nothing if the pod does not answer', async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()));
    expect(await probePod('a', { clients: { host: '127.0.0.1', port } })).toBeUndefined();
  });
});

function podOf({ webSocketUrl, port }: TestGateway, index: number) {
  return { name: `pod-${index}`, destination: { url: new URL(webSocketUrl), address: { host: '127.0.0.1', port } } };
}

describe('the probe of messages', () => {
  it('sees that each message arrives everywhere', async () => {
    const pods = (await startGatewaysOnOneBroker([{}, {}, {}])).map(podOf);
    const result = await probeMessages(pods, 'doctor:test', undefined);
    expect(result.lost).toEqual([]);
    expect(result.acknowledgedAfter).toBeGreaterThan(0);
  });

  it('sees that pods have different brokers', async () => {
    const pods = [await startGateway(), await startGateway()].map(podOf);
    const { lost } = await probeMessages(pods, 'doctor:test', undefined);
    expect(lost).toEqual([
      { from: 'pod-1', to: 'pod-0' },
      { from: 'pod-0', to: 'pod-1' },
    ]);
  });
});
