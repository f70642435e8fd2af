import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { API_KEY } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

/** The chat's HTTP server beside a gateway. */
async function start(): Promise<{ url: string; say: (text: string) => Promise<void>; forget: () => Promise<void> }> {
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const env = { HOLDFAST_DEMO: 'false', HOLDFAST_PORT: String(gatewayPort) };
  const gateway = await startGatewayProcess(env);
  // As in package.json.
  execFileSync('npm', ['run', 'bundle'], { cwd: FOLDER, stdio: 'pipe' });
  const server = spawn(process.execPath, ['dist/server/server.js'], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      PORT: String(port),
      HOLDFAST_URL: `http://localhost:${gatewayPort}`,
      GATEWAY_API_KEY: API_KEY,
    },
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  await once(server.stdout, 'data');
  return {
    url: `http://localhost:${port}/`,
    say: async (text) => {
      const response = await fetch(`${gateway.url}/api/publish`, {
        method: 'POST',
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ channel: 'chat:lobby', data: { text } }),
      });
      expect(response.status).toBe(200);
    },
    forget: async () => {
      await gateway.stop('SIGKILL');
      await startGatewayProcess(env);
    },
  };
}

async function shows(page: Page, ...messages: string[]): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('listitem').allInnerTexts()).toEqual(messages));
}

it('the server renders the latest messages, and the page continues after them without a mistake', async () => {
  const { url, say, forget } = await start();
  // More than the page has, so that the oldest ones must be missing.
  for (let number = 1; number <= 60; number += 1) await say(`Hello ${number}`);
  const latest = Array.from({ length: 50 }, (_, index) => `Hello ${index + 11}`);
  const html = await (await fetch(url)).text();
  expect(Array.from(html.matchAll(/<li>(.*?)<\/li>/g), ([, text]) => text)).toEqual(latest);

  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  // What is said between the rendering and the subscription.
  await page.route('**/assets/*', async (route) => {
    await say('</script><b>meanwhile</b>');
    await route.continue();
  });
  await page.goto(url);
  await shows(page, ...latest, '</script><b>meanwhile</b>');
  await page.getByLabel('Message').fill('Hello from the page');
  await page.getByRole('button').click();
  await shows(page, ...latest, '</script><b>meanwhile</b>', 'Hello from the page');
  await page.unroute('**/assets/*');
  await page.reload();
  await shows(page, ...latest.slice(2), '</script><b>meanwhile</b>', 'Hello from the page');
  expect(complaints).toEqual([]);

  // The broker in memory forgets everything: a gap, after which the page is what the server renders now.
  await forget();
  await say('All over again');
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await shows(page, 'All over again');
});
