import { Holdfast } from '@holdfast/client';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { ANONYMOUS } from '../src/auth/index.js';
import type { Connection } from '../src/connection/connection.js';
import type { Connections } from '../src/connection/connections.js';
import { Sessions } from '../src/auth/session.js';
import { TICK_MS } from '../src/limits/ticks.js';
import { startGateway } from './support/gateway.js';
import { ManualSocket, ManualWebSocket } from './support/manual-socket.js';
import { metric } from './support/metric.js';
import { Pod } from './support/pod.js';
import { startTcpProxy } from './support/tcp-proxy.js';

const PING = Buffer.from([0x89, 0x00]);

/** A connection whose peer is controlled by the test. */
class Peer {
  readonly webSocket = new ManualWebSocket();
  readonly socket = new ManualSocket(() => undefined);
  readonly connection: Connection;
  pings = 0;
  endedAt: number | undefined;

  constructor(connections: Connections) {
    const { webSocket, socket } = this;
    const write = socket.write.bind(socket);
    vi.spyOn(socket, 'write').mockImplementation((chunk: unknown, ...rest: unknown[]) => {
      if (PING.equals(chunk as Buffer)) this.pings += 1;
      return (write as (...all: unknown[]) => boolean)(chunk, ...rest);
    });
    webSocket.on('close', () => (this.endedAt = performance.now()));
    this.connection = connections.open(webSocket as unknown as WebSocket, socket, new Sessions().create(), ANONYMOUS);
  }

  get isOpen(): boolean {
    return this.endedAt === undefined;
  }

  /** Bytes arrive that are not a complete frame. */
  trickle(): void {
    this.socket.bytesRead += 1;
  }

  say(text: string): void {
    this.socket.bytesRead += text.length;
    this.webSocket.emit('message', Buffer.from(text), false);
  }

  pong(): void {
    this.socket.bytesRead += 6;
    this.webSocket.emit('pong', Buffer.alloc(0));
  }
}

describe('a gateway with default settings', () => {
  let clock = 1_000_000;
  let connections: Connections;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const pod = await Pod.start();
    pod.dispatcher.serve({ ping: () => ({}) });
    connections = pod.openConnections();
    connections.onModuleInit();
    onTestFinished(() => {
      connections.onApplicationShutdown();
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
  });

  /** One turn of the event loop in which the timer fires, after `ms`. */
  function turn(ms = TICK_MS): void {
    clock += ms;
    vi.advanceTimersByTime(TICK_MS);
    for (const connection of connections.all()) connection.flush();
  }

  function pass(ms: number, meanwhile = (): void => undefined): void {
    for (const until = clock + ms; clock < until;) {
      turn();
      meanwhile();
    }
  }

  it.each([
    ['a frame', (peer: Peer): void => peer.say('{"event":"ping","id":1}')],
    ['a pong', (peer: Peer): void => peer.pong()],
    ['a part of a frame', (peer: Peer): void => peer.trickle()],
  ])('closes the connection of a silent peer within 15 s of its last byte, of %s, in every phase', (_, last) => {
    const silences: number[] = [];
    for (let phase = 0; phase < 150; phase += 1) {
      // As many as there are slices, so that every slice sees each phase.
      const peers = Array.from({ length: 5 }, () => new Peer(connections));
      pass(20_000 + phase * TICK_MS, () => {
        for (const peer of peers) if (clock % 4_700 < TICK_MS) peer.pong();
      });
      // Also between two ticks of the timer.
      clock += phase % TICK_MS;
      for (const peer of peers) last(peer);
      const from = clock;
      pass(16_000);
      for (const { endedAt = Infinity } of peers) silences.push(endedAt - from);
    }
    expect(Math.max(...silences)).toBeLessThanOrEqual(15_000);
    // A ping and its answer may take more than 4 s.
    expect(Math.min(...silences)).toBeGreaterThan(12_500);
  });

  it('keeps a peer that does nothing but answer pings within 4 s, and pings it at most every 8 s', () => {
    const peer = new Peer(connections);
    let answerAt = Infinity;
    let seen = 0;
    pass(600_000, () => {
      if (peer.pings > seen) answerAt = clock + 4_000;
      seen = peer.pings;
      if (clock < answerAt) return;
      answerAt = Infinity;
      peer.pong();
    });
    expect(peer.isOpen).toBe(true);
    expect(peer.pings).toBeGreaterThan(0);
    expect(peer.pings).toBeLessThanOrEqual(600 / 8);
  });

  it('never pings a client that itself pings every 8 s: one pair of packets serves both sides', async () => {
    const peer = new Peer(connections);
    for (let id = 1; id <= 100; id += 1) {
      // Two pings are a round trip and a timer's delay apart.
      pass(8_200);
      peer.say(`{"event":"ping","id":${id}}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(peer.isOpen).toBe(true);
    expect(peer.pings).toBe(0);
  });

  it('sends something at least every 20 s, even to a client that needs no replies: proxies close idle connections', () => {
    const peer = new Peer(connections);
    pass(200_000, () => {
      if (clock % 1_000 < TICK_MS) peer.say('{"event":"ping"}');
    });
    expect(peer.pings).toBeGreaterThanOrEqual(9);
    expect(peer.pings).toBeLessThanOrEqual(25);
  });

  it('treats progress in sending as a sign of life of a client that only reads, and slowly', async () => {
    const peer = new Peer(connections);
    const { connection, socket } = peer;
    const read = async (): Promise<void> => {
      socket.resumeWrites();
      await new Promise((resolve) => setImmediate(resolve));
      socket.pauseWrites();
    };
    socket.pauseWrites();
    for (let time = 0; time < 10; time += 1) {
      for (let part = 0; part < 4; part += 1) connection.send(Buffer.alloc(65_536));
      pass(8_000);
      expect(peer.isOpen).toBe(true);
      await read();
    }
    for (let part = 0; part < 4; part += 1) connection.send(Buffer.alloc(65_536));
    pass(15_000);
    expect(peer.isOpen).toBe(false);
  });

  it('does not consider a peer dead whose answer arrived while the gateway itself was stalled', () => {
    const peer = new Peer(connections);
    while (peer.pings === 0) turn();
    turn(60_000);
    expect(peer.isOpen).toBe(true);
    peer.pong();
    pass(12_000);
    expect(peer.isOpen).toBe(true);
  });

  it('does not consider a peer dead while the gateway does not read from it', () => {
    const peer = new Peer(connections);
    peer.webSocket.isPaused = true;
    pass(60_000);
    expect(peer.isOpen).toBe(true);
    peer.webSocket.isPaused = false;
    pass(15_000);
    expect(peer.isOpen).toBe(false);
  });
});

describe('a path that drops packets while its connections stay open', () => {
  const PING_S = 0.5;

  it('is detected on both sides: the client reconnects, and the gateway removes the old connection', async () => {
    const sut = await startGateway({ connection: { ping: PING_S } });
    const proxy = await startTcpProxy(sut.port);
    const witness = await sut.connect();
    await witness.subscribe('chat:room', { presence: true });
    const client = new Holdfast(`ws://127.0.0.1:${proxy.port}/ws`, { timeout: 500 });
    onTestFinished(() => client.close());
    const states: string[] = [];
    client.on('state', ({ state }) => states.push(state));
    await client.subscribe('chat:room', { message: () => undefined, gap: () => undefined }, { presence: true }).ready;
    await vi.waitFor(() => expect(witness.of('join')).toHaveLength(1));
    expect(states).toEqual(['connected']);

    proxy.vanish();
    await vi.waitFor(() => expect(states).toContain('reconnecting'));
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_dead_peers_total')).toBe(1));
    await vi.waitFor(() => expect(states.at(-1)).toBe('connected'));
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_connections')).toBe(2));
  });
});
