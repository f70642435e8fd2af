import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { onTestFinished, vi } from 'vitest';
import type { HoldfastOptions } from '../src/client-options.js';
import { Holdfast } from '../src/client.js';
import type { SocketConstructor } from '../src/socket.js';
import { FakeGateway, type Peer, type PeerSocket } from './fake-gateway.js';

/**
 * A gateway and clients in one process on a fake clock: time passes as the test says, the machine can sleep, and the
 * network can be away. Nothing waits for real time.
 */
export class World {
  readonly gateway = new FakeGateway();
  readonly page = new Page();
  /** One way, in ms. */
  latency = 1;
  /** Whether dials fail at once, and open connections lose all packets. */
  isOffline = false;
  /** How the dials of this machine fail. */
  failsBy: 'close' | 'error' = 'close';
  dials = 0;
  readonly sockets = new Set<ClientSocket>();
  readonly #clients: Holdfast[] = [];

  connect(options: HoldfastOptions = {}): Holdfast {
    const open = (url: string, protocols: string[]) => new ClientSocket(this, url, protocols);
    // A function that returns an object is a constructor of that object.
    function Socket(url: string, protocols: string[]): ClientSocket {
      return open(url, protocols);
    }
    const client = new Holdfast('ws://gateway.test/ws', {
      WebSocket: Socket as unknown as SocketConstructor,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** The n-th connection, from 1; the latest by default. */
  peer(n = this.gateway.peers.length): Peer {
    const peer = this.gateway.peers[n - 1];
    if (peer === undefined) throw new Error(`there is no connection ${n}`);
    return peer;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** The machine sleeps: timers and `performance.now()` stand still, `Date.now()` goes on. */
  sleep(ms: number): void {
    vi.setSystemTime(Date.now() + ms);
  }

  /** The paths of all connections break without a sign, as when a NAT forgets them. */
  cutSilently(): void {
    for (const socket of this.sockets) socket.isCut = true;
  }

  async end(): Promise<void> {
    this.isOffline = false;
    const closed = Promise.all(this.#clients.map((client) => client.close()));
    await this.pass(5_000);
    await closed;
    vi.useRealTimers();
    vi.unstubAllGlobals();
  }
}

/** Starts a world that ends with the test. @param visibility of the page; without one, this is no page. */
export function startWorld(visibility?: 'visible' | 'hidden'): World {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  const world = new World();
  onTestFinished(() => world.end());
  if (visibility !== undefined) world.page.install(visibility);
  return world;
}

class Page extends EventTarget {
  visibilityState: 'visible' | 'hidden' = 'visible';
  readonly #window = new EventTarget();

  install(visibility: 'visible' | 'hidden'): void {
    this.visibilityState = visibility;
    vi.stubGlobal('document', this);
    vi.stubGlobal('location', new URL('http://page.test/'));
    vi.stubGlobal('addEventListener', this.#window.addEventListener.bind(this.#window));
    vi.stubGlobal('removeEventListener', this.#window.removeEventListener.bind(this.#window));
  }

  show(visibility: 'visible' | 'hidden'): void {
    this.visibilityState = visibility;
    this.dispatchEvent(new Event('visibilitychange'));
  }

  /** An event of the window. */
  fire(event: 'online' | 'pagehide' | 'pageshow'): void {
    this.#window.dispatchEvent(new Event(event));
  }
}

/** The client's end of a connection in memory. */
export class ClientSocket extends EventTarget {
  isCut = false;
  readonly closeCodes: (number | undefined)[] = [];
  readonly #world: World;
  readonly #peer: ServerSocket;
  #isOpen = false;
  #isClosed = false;

  constructor(world: World, url: string, protocols: string[]) {
    super();
    this.#world = world;
    world.dials += 1;
    world.sockets.add(this);
    this.#peer = new ServerSocket(this);
    this.later(() => {
      if (this.#isClosed) return;
      if (world.isOffline || world.gateway.refuseUpgrades !== undefined) return this.#fail();
      this.#isOpen = true;
      this.dispatchEvent(new Event('open'));
      const headers: IncomingHttpHeaders = { 'sec-websocket-protocol': protocols.join(', ') };
      world.gateway.accept(this.#peer as unknown as PeerSocket, new URL(url).pathname, headers);
    });
  }

  send(text: string): void {
    this.later(() => this.#peer.emit('message', Buffer.from(text), false));
  }

  close(code?: number): void {
    this.closeCodes.push(code);
    if (this.#isClosed) return;
    this.later(() => this.#peer.emit('close', code ?? 1005));
    this.later(() => this.closed(code ?? 1005, ''));
  }

  closed(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#world.sockets.delete(this);
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }

  receive(text: string): void {
    if (!this.#isClosed) this.dispatchEvent(Object.assign(new Event('message'), { data: text }));
  }

  /** Runs `run` after the latency, unless the path is cut then. */
  later(run: () => void): void {
    setTimeout(() => {
      if (!this.isCut && !(this.#isOpen && this.#world.isOffline)) run();
    }, this.#world.latency);
  }

  #fail(): void {
    this.dispatchEvent(new Event('error'));
    if (this.#world.failsBy === 'close') this.closed(1006, '');
    else this.#isClosed = true;
  }
}

/** The gateway's end. */
class ServerSocket extends EventEmitter {
  constructor(private readonly client: ClientSocket) {
    super();
  }

  send(text: string): void {
    this.client.later(() => this.client.receive(text));
  }

  close(code = 1005, reason = ''): void {
    this.emit('close', code);
    this.client.later(() => this.client.closed(code, reason));
  }

  terminate(): void {
    this.emit('close', 1006);
    this.client.later(() => this.client.closed(1006, ''));
  }
}
