import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { API_KEY, JWT_SECRET } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { TestClient } from '../../../apps/gateway/test/support/test-client.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

async function signIn(url: string, user: string): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('Your name').fill(user);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await vi.waitFor(async () => expect(await page.getByRole('status').innerText()).toBe('connected'));
  return page;
}

it('the Python backend publishes to the private channel of one user, in all of that user’s windows', async () => {
  // As `npm run example` starts it: development, with the file of this example.
  const [gatewayPort, port] = [await freePort(), await freePort()];
  const gateway = await startGatewayProcess({
    HOLDFAST_CONFIG: `${FOLDER}/gateway.yaml`,
    HOLDFAST_PORT: String(gatewayPort),
  });
  const server = spawn('python3', ['server.py'], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PORT: String(port),
      HOLDFAST_URL: gateway.url,
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      GATEWAY_API_KEY: API_KEY,
      SECONDS_PER_STATE: '0.1',
    },
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  await once(server.stdout, 'data');
  const url = `http://localhost:${port}/?gateway=ws://localhost:${gatewayPort}/ws`;
  const [ann, annAgain, bob] = [await signIn(url, 'ann'), await signIn(url, 'ann'), await signIn(url, 'bob')];
  await ann.getByRole('button', { name: 'Order tea' }).click();
  for (const page of [ann, annAgain]) {
    await vi.waitFor(async () => expect(await page.getByRole('listitem').allInnerTexts()).toEqual(['tea: shipped']));
  }
  expect(await bob.getByRole('listitem').allInnerTexts()).toEqual([]);
  // The token of Bob's page opens nothing of Ann's.
  const token = await bob.evaluate(async () => (await fetch('/token')).text());
  const client = await TestClient.connect(`ws://127.0.0.1:${gatewayPort}/ws?access_token=${token}`);
  onTestFinished(() => client.webSocket.terminate());
  await expect(client.request('subscribe', { channel: 'orders:ann' })).rejects.toMatchObject({ code: 'forbidden' });
  // And without the cookie there is no token.
  expect((await fetch(`http://localhost:${port}/token`)).status).toBe(401);
  expect((await fetch(`http://localhost:${port}/token`, { headers: { cookie: 'user=ann.0' } })).status).toBe(401);
});
