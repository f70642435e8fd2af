import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { API_KEY } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { TestClient } from '../../../apps/gateway/test/support/test-client.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { RedisServer } from '../../../libs/broadcast/test/support/redis-servers.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium or Redis has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

function program(file: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [file], {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function shows(page: Page, orders: number, revenue: number): Promise<void> {
  await vi.waitFor(async () =>
    expect(await page.getByRole('definition').allInnerTexts()).toEqual([String(orders), String(revenue)]),
  );
}

it('the dashboard shows the sums of all orders in the queue, each counted once across a crash', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.close());
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const gateway = await startGatewayProcess({
    NODE_ENV: 'production',
    HOLDFAST_CONFIG: `${FOLDER}/gateway.yaml`,
    HOLDFAST_PORT: String(gatewayPort),
    HOLDFAST_ALLOWED_ORIGINS: `http://localhost:${port}`,
  });
  const env = { PORT: String(port), REDIS_URL: redis.url, HOLDFAST_URL: gateway.url, GATEWAY_API_KEY: API_KEY };
  await once(program('page.js', env).stdout ?? expect.unreachable(), 'data');
  let totals = program('totals.js', env);
  const order = (price: number) => redis.admin.xadd('orders', '*', 'price', price);

  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`http://localhost:${port}/?gateway=ws://localhost:${gatewayPort}/ws`);
    return page;
  };
  const page = await open();
  await shows(page, 0, 0);
  await Promise.all([1, 2, 3].map(order));
  await shows(page, 3, 6);
  // A page that is opened later has the latest value at once.
  const other = await open();
  await shows(other, 3, 6);

  totals.kill('SIGKILL');
  await once(totals, 'close');
  await Promise.all(Array.from({ length: 500 }, () => order(2)));
  totals = program('totals.js', env);
  for (const each of [page, other]) await shows(each, 503, 1006);

  // Slow pages get the latest value: the channel is conflated.
  const client = await TestClient.connect(`ws://127.0.0.1:${gatewayPort}/ws`);
  onTestFinished(() => client.webSocket.terminate());
  expect(await client.request('subscribe', { channel: 'metrics:shop' })).toMatchObject({ conflated: true });
});

it('the shop puts orders into the queue', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.close());
  program('orders.js', { REDIS_URL: redis.url });
  await vi.waitFor(async () => expect(await redis.admin.xlen('orders')).toBeGreaterThan(2));
});
