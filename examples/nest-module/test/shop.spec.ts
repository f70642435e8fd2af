import { fileURLToPath } from 'node:url';
import { Holdfast } from '@holdfast/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { API_KEY } from '../../../apps/gateway/test/support/gateway.js';
import { startGatewayProcess, type GatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { signToken } from '../../../apps/gateway/test/support/tokens.js';

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

/** What `npm run build` makes of src/main.ts. */
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let gateway: GatewayProcess;
beforeEach(async () => {
  gateway = await startGatewayProcess({ HOLDFAST_DEMO: 'false' }, undefined, MAIN);
});

function refill(left: unknown, key: string): Promise<Response> {
  return fetch(`${gateway.url}/shop/stock`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ left }),
  });
}

async function open(): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(`http://localhost:${gateway.port}`);
  return page;
}

async function order(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Order tea' }).click();
}

async function expectStock(page: Page, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('status').innerText()).toBe(text));
}

/** What the latest order was answered. */
async function expectAnswer(page: Page, text: string): Promise<void> {
  await vi.waitFor(async () => expect(await page.getByRole('listitem').last().innerText()).toContain(text));
}

describe('the Nest module inside the gateway', () => {
  it('takes orders of those who are signed in, and shows everybody what is left', async () => {
    const [ann, guest] = [await open(), await open()];
    for (const page of [ann, guest]) await expectStock(page, '3 left');
    await order(guest);
    await expectAnswer(guest, 'permi');
    await ann.getByRole('button', { name: 'Sign in' }).click();
    await ann.getByLabel('Note').fill('no sugar');
    // Until the connection of the user is there, it is refused like the guest's.
    await vi.waitFor(async () => {
      await order(ann);
      expect(await ann.getByRole('listitem').last().innerText()).toBe('1: tea for ann: no sugar');
    });
    for (const page of [ann, guest]) await expectStock(page, '2 left');
    expect((await refill(0, API_KEY)).status).toBe(204);
    for (const page of [ann, guest]) await expectStock(page, '0 left');
    await order(ann);
    await expectAnswer(ann, 'sold out');
  });

  it('refuses what it does not understand, and who may not do it', async () => {
    const url = `ws://localhost:${gateway.port}/ws`;
    const [ann, guest] = [new Holdfast(url, { token: await signToken({ sub: 'ann' }) }), new Holdfast(url)];
    onTestFinished(async () => void (await Promise.all([ann.close(), guest.close()])));
    await expect(ann.call('orders.create', { note: 1 })).rejects.toMatchObject({ code: 'refused' });
    await expect(guest.call('orders.create', { note: '' })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await refill(7, 'another key')).status).toBe(401);
    expect((await refill('many', API_KEY)).status).toBe(400);
    expect(await (await fetch(`${gateway.url}/shop/stock`)).json()).toEqual({ left: 3 });
  });
});
