import { fileURLToPath } from 'node:url';
import { Holdfast } from '@holdfast/client';
import type { Browser } from 'playwright-core';
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

describe('the Nest module inside the gateway', () => {
  it('takes orders of those who are signed in, and shows everybody what is left', async () => {
    const open = async () => {
      const context = await browser.newContext();
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(`http://localhost:${gateway.port}`);
      const shows = (text: string) =>
        vi.waitFor(async () => expect(await page.getByRole('status').innerText()).toBe(text));
      const order = () => page.getByRole('button', { name: 'Order tea' }).click();
      const answers = (...texts: (string | RegExp)[]) =>
        vi.waitFor(async () =>
          expect(await page.getByRole('listitem').allInnerTexts()).toEqual(
            texts.map((text) => expect.stringMatching(text) as unknown),
          ),
        );
      await shows('3 left');
      return { page, shows, order, answers };
    };
    const [ann, guest] = [await open(), await open()];
    await guest.order();
    await guest.answers(/permi|forbidden/i);
    await ann.page.getByRole('button', { name: 'Sign in' }).click();
    await ann.page.getByLabel('Note').fill('no sugar');
    await vi.waitFor(async () => {
      await ann.order();
      expect(await ann.page.getByRole('listitem').last().innerText()).toBe('1: tea for ann: no sugar');
    });
    for (const page of [ann, guest]) await page.shows('2 left');
    expect((await refill(0, API_KEY)).status).toBe(204);
    for (const page of [ann, guest]) await page.shows('0 left');
    await ann.order();
    await vi.waitFor(async () => expect(await ann.page.getByRole('listitem').last().innerText()).toContain('sold out'));
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
