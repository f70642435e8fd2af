import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import type { Holdfast } from '../src/client.js';
import type { FakeGateway } from './fake-gateway.js';
import { startGateway } from './setup.js';

const WAIT = { timeout: 10_000, interval: 20 };

/** What the page has in its global scope. */
interface Globals {
  client: Holdfast;
  seen: unknown[];
  states: string[];
  outcome: string | undefined;
  persisted: boolean;
}

async function subscribedAgain(gateway: FakeGateway, n: number): Promise<void> {
  await vi.waitFor(() => expect(gateway.peers[n - 1]?.subscribed.has('room')).toBe(true), WAIT);
}

/** Evaluates a function in the page. */
function read<T>(page: Page, get: (globals: Globals) => T): Promise<T> {
  return page.evaluate(`(${get.toString()})(globalThis)`);
}

describe('in Chromium', () => {
  let browser: Browser;
  let code: string;

  // Takes minutes if Debian's Chromium has to be installed first.
  beforeAll(async () => {
    const outputs = (await build({
      root: fileURLToPath(new URL('..', import.meta.url)),
      logLevel: 'silent',
      build: { write: false },
    })) as Rolldown.RolldownOutput[];
    const [chunk] = outputs.flatMap(({ output }) => output);
    if (chunk?.type !== 'chunk') throw new Error('expected a chunk');
    ({ code } = chunk);
    // Playwright turns the back/forward cache off, unless it is told not to.
    browser = await launchChromium([], { ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  }, 600_000);
  afterAll(() => browser.close());

  /** Opens a page with a client that is subscribed to a room. @param prepare runs in the page before the library. */
  async function open(gateway: FakeGateway, prepare = ''): Promise<Page> {
    const server = createServer((request, response) => {
      const isLibrary = request.url === '/index.js';
      response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html');
      const script = `
        const { Holdfast } = await import('/index.js');
        Object.assign(globalThis, { seen: [], states: [], client: new Holdfast(${JSON.stringify(gateway.url)}) });
        client.on('state', ({ state }) => states.push(state));
        client.subscribe('room', { message: ({ data }) => seen.push(data), gap: () => seen.push('gap') });
        addEventListener('pageshow', (event) => (globalThis.persisted = event.persisted));`;
      const page = `<!doctype html><a href=/b>b</a><script>${prepare}</script><script type=module>${script}</script>`;
      response.end(isLibrary ? code : request.url === '/a' ? page : '<!doctype html>another page');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`);
    await subscribedAgain(gateway, 1);
    return page;
  }

  it('is back within 1 s of online, and after a 1000 that nobody asked for', async () => {
    const gateway = await startGateway();
    const page = await open(gateway);
    gateway.peers[0]?.close('normal');
    await subscribedAgain(gateway, 2);

    gateway.refuseUpgrades = 503;
    gateway.peers[1]?.socket.terminate();
    await page.context().setOffline(true);
    await vi.waitFor(async () => expect(await read(page, ({ states }) => states.length)).toBeGreaterThan(5), WAIT);
    gateway.refuseUpgrades = undefined;
    gateway.publish('room', 'meanwhile');
    await page.context().setOffline(false);
    const from = performance.now();
    await subscribedAgain(gateway, 3);
    expect(performance.now() - from).toBeLessThan(1_000);
    await vi.waitFor(async () => expect(await read(page, ({ seen }) => seen)).toEqual(['meanwhile']), WAIT);
  });

  it('leaves when it enters the back/forward cache, and resumes from there; and after it was frozen', async () => {
    const gateway = await startGateway();
    const page = await open(gateway);
    await page.click('a');
    await vi.waitFor(() => expect(gateway.peers[0]?.closeCode).toBe(1000), WAIT);
    gateway.publish('room', 'meanwhile');
    await page.goBack({ waitUntil: 'commit' });
    await subscribedAgain(gateway, 2);
    expect(await read(page, ({ persisted }) => persisted)).toBe(true);
    await vi.waitFor(async () => expect(await read(page, ({ seen }) => seen)).toEqual(['meanwhile']), WAIT);

    const devTools = await page.context().newCDPSession(page);
    await devTools.send('Page.setWebLifecycleState', { state: 'frozen' });
    gateway.publish('room', 'while frozen');
    await devTools.send('Page.setWebLifecycleState', { state: 'active' });
    await vi.waitFor(
      async () => expect(await read(page, ({ seen }) => seen)).toEqual(['meanwhile', 'while frozen']),
      WAIT,
    );
  });

  it('does not store a publish twice if its process is stopped for longer than keyWindow', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 1_500 });
    gateway.scripts['publish'] = (_, { channel, data }) => {
      gateway.publish(channel, data ?? null);
      return 'silence';
    };
    const page = await open(gateway);
    await page.evaluate(
      `client.publish('room', 'pay 100').then(() => 'stored', ({ code }) => code).then((it) => (outcome = it)); 0`,
    );
    await vi.waitFor(() => expect(gateway.stream('room').messages).toHaveLength(1), WAIT);
    const devTools = await browser.newBrowserCDPSession();
    const { processInfo } = (await devTools.send('SystemInfo.getProcessInfo')) as {
      processInfo: { type: string; id: number }[];
    };
    const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    for (const pid of renderers) process.kill(pid, 'SIGSTOP');
    gateway.peers[0]?.socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    for (const pid of renderers) process.kill(pid, 'SIGCONT');
    await vi.waitFor(async () => expect(await read(page, ({ outcome }) => outcome)).toBe('unknown'), WAIT);
    await subscribedAgain(gateway, 2);
    expect(gateway.stream('room').messages).toHaveLength(1);
  });

  it('runs without what the oldest browsers lack', async () => {
    const gateway = await startGateway();
    const page = await open(
      gateway,
      `delete Promise.withResolvers; delete Array.prototype.at; delete Object.hasOwn; delete crypto.randomUUID;
       delete Array.prototype.toSorted; delete globalThis.structuredClone; delete globalThis.TextEncoder;`,
    );
    await page.evaluate(`client.publish('room', 1).then(() => client.close())`);
    await vi.waitFor(() => expect(gateway.peers[0]?.closeCode).toBe(1000), WAIT);
    expect(await read(page, ({ seen }) => seen)).toEqual([1]);
  });
});
