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
class Window {
  private constructor(private readonly page: Page) {}

  static async open(url: string): Promise<Window> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    const window = new Window(page);
    await window.is('connected');
    return window;
  }

  async is(state: string): Promise<void> {
    await vi.waitFor(async () => expect(await this.page.getByRole('status').innerText()).toBe(state));
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message').fill(text);
    await this.page.getByRole('button').click();
  }

  /** Waits for exactly these messages. */
  async shows(...messages: string[]): Promise<void> {
    await vi.waitFor(async () => expect(await this.page.getByRole('listitem').allInnerTexts()).toEqual(messages));
  }

  /** Lets it connect at once, instead of after a delay of up to 20 s. */
  async isOnline(): Promise<void> {
    await this.page.evaluate(() => dispatchEvent(new Event('online')));
  }
}

interface Application {
  readonly gateway: GatewayProcess;
  /** The URL of a user's page. */
  page(user: string, transport?: 'holdfast'): string;
  restartGateway(): Promise<void>;
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
  const [ann, bob] = [await Window.open(page('ann')), await Window.open(page('bob'))];
  await ann.say('Hello Bob');
  await bob.shows('ann: Hello Bob');
  await bob.say('Hello Ann');
  for (const window of [ann, bob]) await window.shows('ann: Hello Bob', 'bob: Hello Ann');
});

it('2-both lets users of Socket.IO and of Holdfast chat with each other, also after an outage of the gateway', async () => {
  const { gateway, page, restartGateway } = await start('2-both');
  const [old, older] = [await Window.open(page('ann')), await Window.open(page('eve'))];
  const [moved, alsoMoved] = [await Window.open(page('bob', 'holdfast')), await Window.open(page('joe', 'holdfast'))];
  const said: string[] = [];
  for (const [window, line] of [
    [old, 'ann: Hello Bob'],
    [moved, 'bob: Hello Ann'],
    [older, 'eve: Hello all'],
    [alsoMoved, 'joe: Hello Eve'],
  ] as const) {
    await window.say(line.replace(/^\w+: /, ''));
    said.push(line);
    for (const each of [old, older, moved, alsoMoved]) await each.shows(...said);
  }

  await gateway.stop('SIGKILL');
  await moved.is('reconnecting');
  await old.say('Are you there?');
  said.push('ann: Are you there?');
  for (const each of [old, older]) await each.shows(...said);
  await moved.say('No');
  await restartGateway();
  said.push('bob: No');
  for (const each of [moved, alsoMoved]) await each.isOnline();
  for (const each of [old, older, moved, alsoMoved]) await each.shows(...said);

  // And whoever opens the page now sees the same.
  await (await Window.open(page('new', 'holdfast'))).shows(...said);
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
