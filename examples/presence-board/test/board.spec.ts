import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Holdfast } from '@holdfast/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { JWT_SECRET } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

async function shows(page: Page, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('status').innerText()).toBe(`${count} here`));
}

it('the board shows people who join and leave, also 50 at once, and one person in two windows once', async () => {
  const port = await freePort();
  const gateway = await startGatewayProcess({ HOLDFAST_DEMO: 'false' });
  const server = spawn(process.execPath, ['server.js'], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: String(port), HOLDFAST_JWT_SECRET: JWT_SECRET },
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  await once(server.stdout, 'data');
  const backend = `http://localhost:${port}`;
  const webSocket = `ws://localhost:${gateway.port}/ws`;

  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${backend}/?gateway=${webSocket}`);
    await page.getByLabel('Your name').fill('Ann');
    await page.getByRole('button').click();
    return page;
  };
  const ann = await open();
  await shows(ann, 1);
  const annAgain = await open();
  await shows(annAgain, 1);

  const others = Array.from({ length: 50 }, (_, index) => {
    const client = new Holdfast(webSocket, {
      token: async () => (await fetch(`${backend}/token?name=Guest%20${index}`)).text(),
    });
    client.subscribe('board:all', { message: () => {}, gap: () => {} }, { presence: true });
    onTestFinished(() => client.close());
    return client;
  });
  for (const page of [ann, annAgain]) await shows(page, 51);
  expect(await ann.getByRole('listitem').allInnerTexts()).toEqual(
    expect.arrayContaining(['Ann', 'Guest 0', 'Guest 49']),
  );
  await Promise.all(others.map((client) => client.close()));
  for (const page of [ann, annAgain]) await shows(page, 1);
});
