import type { Welcome } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Holdfast } from '../src/client.js';

const WELCOME: Welcome = {
  client: 'client',
  session: 'session',
  node: 'pod-1',
  ping: 8_000,
  maxPayload: 65_536,
  keyWindow: 300_000,
};

/** A socket on a path that answers pings after `latency` ms, until it is cut: then packets are lost, and nothing is closed. */
class Path extends EventTarget {
  static all: Path[] = [];
  static latency = 0;
  isCut = false;
  readonly pings: number[] = [];

  constructor() {
    super();
    Path.all.push(this);
    setTimeout(() => this.deliver({ event: 'welcome', data: WELCOME }), 0);
  }

  send(text: string): void {
    const { event, id } = JSON.parse(text) as { event: string; id: number };
    if (event === 'ping') this.pings.push(performance.now());
    setTimeout(() => this.deliver({ event: 'reply', id, data: {} }), Path.latency);
  }

  deliver(frame: object): void {
    if (!this.isCut) this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
  }

  close(): void {}
}

class Page extends EventTarget {
  visibilityState: 'visible' | 'hidden' = 'visible';

  show(visibilityState: 'visible' | 'hidden'): void {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

let page: Page;
let device: EventTarget;
let sut: Holdfast;

/** Lets time pass without timers, as in a page that a browser has frozen. */
let frozen = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const now = performance.now.bind(performance);
  frozen = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now() + frozen);
  Path.all = [];
  Path.latency = 20;
});

afterEach(async () => {
  const closed = sut.close();
  await vi.advanceTimersByTimeAsync(5_000);
  await closed;
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function inPage(visibilityState: 'visible' | 'hidden'): void {
  page = new Page();
  page.visibilityState = visibilityState;
  device = new EventTarget();
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', new URL('http://page.test/'));
  vi.stubGlobal('addEventListener', device.addEventListener.bind(device));
  vi.stubGlobal('removeEventListener', device.removeEventListener.bind(device));
}

async function connected(): Promise<Path> {
  sut = new Holdfast('ws://gateway.test/ws', { WebSocket: Path as never });
  await vi.advanceTimersByTimeAsync(10);
  expect(sut.state).toBe('connected');
  return lastPath();
}

function lastPath(): Path {
  const path = Path.all.at(-1);
  if (path === undefined) throw new Error('there is no connection');
  return path;
}

/** How long the client takes to detect a path that is cut now, in ms. */
async function noticedAfter(path: Path, atMost = 120_000): Promise<number> {
  path.isCut = true;
  const from = performance.now();
  const states: string[] = [];
  const stop = sut.on('state', ({ state }) => states.push(state));
  while (!states.includes('reconnecting')) {
    if (performance.now() - from > atMost) throw new Error(`not detected in ${atMost} ms`);
    await vi.advanceTimersByTimeAsync(10);
  }
  stop();
  return performance.now() - from;
}

/** Moments at which a path may be cut: during more than one round of pings, and right after frames. */
const PHASES = Array.from({ length: 30 }, (_, index) => index * 337);

describe('a dead path is detected', () => {
  it.each([
    ['within 10 s in a page that is visible', () => inPage('visible'), 10_000],
    ['within 15 s in a page that is hidden', () => inPage('hidden'), 15_000],
    ['within 15 s in Node', () => undefined, 15_000],
  ])('%s, in every phase', async (_, setUp, bound) => {
    setUp();
    let path = await connected();
    let longest = 0;
    for (const phase of PHASES) {
      await vi.advanceTimersByTimeAsync(phase);
      longest = Math.max(longest, await noticedAfter(path));
      await vi.advanceTimersByTimeAsync(25_000);
      expect(sut.state).toBe('connected');
      path = lastPath();
    }
    expect(longest).toBeLessThanOrEqual(bound);
  });

  it.each([
    ['the page becomes visible', () => page.show('visible')],
    ['the device is online again', () => device.dispatchEvent(new Event('online'))],
  ])('within 3 s after %s, however late its timers were', async (_, returns) => {
    inPage('hidden');
    const path = await connected();
    path.isCut = true;
    frozen = 3_600_000;
    expect(path.pings).toEqual([]);
    returns();
    expect(path.pings).toHaveLength(1);
    expect(await noticedAfter(path)).toBeLessThanOrEqual(3_000);
  });

  it('by every later connection too, and a closed client no longer listens to the page', async () => {
    inPage('visible');
    const listeners = new Set<unknown>();
    vi.spyOn(page, 'addEventListener').mockImplementation((_, listener) => void listeners.add(listener));
    vi.spyOn(page, 'removeEventListener').mockImplementation((_, listener) => void listeners.delete(listener));
    for (let time = 0; time < 3; time += 1) {
      const path = time === 0 ? await connected() : lastPath();
      expect(listeners.size).toBe(2);
      expect(await noticedAfter(path)).toBeLessThanOrEqual(10_000);
      expect(listeners.size).toBe(2);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const closed = sut.close();
    await vi.advanceTimersByTimeAsync(5_000);
    await closed;
    expect(listeners.size).toBe(0);
  });
});

describe('a working path', () => {
  it('is kept if every answer takes a little less than 5 s', async () => {
    inPage('visible');
    Path.latency = 4_900;
    const path = await connected();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sut.state).toBe('connected');
    expect(path.pings.length).toBeGreaterThan(10);
    expect(Path.all).toHaveLength(1);
  });

  it('is pinged at most every 4.8 s while the page is visible, every 8 s while it is hidden', async () => {
    inPage('visible');
    const path = await connected();
    await vi.advanceTimersByTimeAsync(48_000);
    expect(path.pings.length).toBeGreaterThanOrEqual(6);
    expect(path.pings.length).toBeLessThanOrEqual(10);
    page.show('hidden');
    await vi.advanceTimersByTimeAsync(8_000);
    const before = path.pings.length;
    await vi.advanceTimersByTimeAsync(80_000);
    expect(path.pings.length - before).toBeLessThanOrEqual(10);
  });

  it('is not pinged while the gateway sends frames, nor when the page only becomes visible now and then', async () => {
    inPage('visible');
    const path = await connected();
    for (let time = 0; time < 100; time += 1) {
      path.deliver({ event: 'message', data: { channel: 'chat:busy', offset: time + 1, data: null, time: 0 } });
      page.show(time % 2 === 0 ? 'hidden' : 'visible');
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(path.pings).toEqual([]);
    expect(Path.all).toHaveLength(1);
  });

  it('is kept by a page that was frozen while the answer was on its way', async () => {
    inPage('hidden');
    Path.latency = 1_000;
    const path = await connected();
    while (path.pings.length === 0) await vi.advanceTimersByTimeAsync(10);
    // The timer runs before the event of the answer, which is queued.
    path.isCut = true;
    frozen = 60_000;
    await vi.advanceTimersByTimeAsync(1_100);
    path.isCut = false;
    path.deliver({ event: 'reply', id: 1, data: {} });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sut.state).toBe('connected');
    expect(Path.all).toHaveLength(1);
  });
});
