import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { webhookSecret } from '../../../apps/gateway/test/support/backend.js';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { API_KEY, JWT_SECRET } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess, type GatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

/** One user's window. */
async function open(url: string): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  await expectState(page, 'connected');
  return page;
}

async function expectState(page: Page, state: string): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('status').innerText()).toBe(state));
}

/** Waits for exactly these messages. */
async function expectMessages(page: Page, ...messages: string[]): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('listitem').allInnerTexts()).toEqual(messages));
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button').click();
}

interface Application {
  readonly gateway: GatewayProcess;
  /** The URL of a user's page. */
  readonly page: (user: string, transport?: 'holdfast') => string;
  readonly restartGateway: () => Promise<void>;
}

/** One step of the migration, with a gateway in production mode beside it. */
async function start(step: string): Promise<Application> {
  const [port, gatewayPort, secret] = [await freePort(), await freePort(), webhookSecret()];
  const startGateway = (): Promise<GatewayProcess> =>
    startGatewayProcess({
      NODE_ENV: 'production',
      HOLDFAST_CONFIG: `${FOLDER}/gateway.yaml`,
      HOLDFAST_PORT: String(gatewayPort),
      HOLDFAST_RPC_URL: `http://localhost:${port}/holdfast`,
      HOLDFAST_WEBHOOK_SECRET: secret,
      HOLDFAST_ANONYMOUS: 'false',
      HOLDFAST_ALLOWED_ORIGINS: `http://localhost:${port}`,
    });
  const gateway = await startGateway();
  const server = spawn(process.execPath, [`${step}/server.js`], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      PORT: String(port),
      HOLDFAST_URL: gateway.url,
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      HOLDFAST_WEBHOOK_SECRET: secret,
      GATEWAY_API_KEY: API_KEY,
    },
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  await once(server.stdout, 'data');
  return {
    gateway,
    page: (user, transport) =>
      `http://localhost:${port}/?user=${user}&with=${transport ?? ''}&gateway=ws://localhost:${gatewayPort}/ws`,
    restartGateway: async () => void (await startGateway()),
  };
}

it.each(['1-before', '3-after'])('%s lets two people chat', async (step) => {
  const { page } = await start(step);
  const [ann, bob] = [await open(page('ann')), await open(page('bob'))];
  await say(ann, 'Hello Bob');
  await expectMessages(bob, 'ann: Hello Bob');
  await say(bob, 'Hello Ann');
  for (const window of [ann, bob]) await expectMessages(window, 'ann: Hello Bob', 'bob: Hello Ann');
});

it('2-both lets users of Socket.IO and of Holdfast chat with each other, also after an outage of the gateway', async () => {
  const { gateway, page, restartGateway } = await start('2-both');
  const [old, older] = [await open(page('ann')), await open(page('eve'))];
  const [moved, alsoMoved] = [await open(page('bob', 'holdfast')), await open(page('joe', 'holdfast'))];
  const said: string[] = [];
  for (const [window, line] of [
    [old, 'ann: Hello Bob'],
    [moved, 'bob: Hello Ann'],
    [older, 'eve: Hello all'],
    [alsoMoved, 'joe: Hello Eve'],
  ] as const) {
    await say(window, line.replace(/^\w+: /, ''));
    said.push(line);
    for (const each of [old, older, moved, alsoMoved]) await expectMessages(each, ...said);
  }

  await gateway.stop('SIGKILL');
  await expectState(moved, 'reconnecting');
  await say(old, 'Are you there?');
  said.push('ann: Are you there?');
  for (const each of [old, older]) await expectMessages(each, ...said);
  await say(moved, 'No');
  await restartGateway();
  said.push('bob: No');
  for (const each of [moved, alsoMoved]) {
    // At once, instead of after a delay of up to 20 s.
    await each.evaluate(() => dispatchEvent(new Event('online')));
  }
  for (const each of [old, older, moved, alsoMoved]) await expectMessages(each, ...said);

  // And whoever opens the page now sees the same.
  await expectMessages(await open(page('new', 'holdfast')), ...said);
});

it('2-both refuses calls that the gateway has not signed', async () => {
  const { page } = await start('2-both');
  const response = await fetch(new URL('/holdfast', page('ann')), {
    method: 'POST',
    body: JSON.stringify({ type: 'rpc', data: { user: 'ann', event: 'chat.say', data: { id: '1', text: 'forged' } } }),
  });
  expect(response.status).toBe(401);
  expect(await (await fetch(new URL('/messages', page('ann')))).json()).toEqual([]);
});
