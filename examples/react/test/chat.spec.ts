import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build, defaultClientConditions, preview } from 'vite';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { expectChat } from './support/chat-page.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

it('the React example lets two people chat from another port than the gateway', async () => {
  const gateway = await startGatewayProcess({ HOLDFAST_DEMO: 'false' });
  const outDir = await mkdtemp(join(tmpdir(), 'holdfast-example-'));
  onTestFinished(() => rm(outDir, { recursive: true }));
  const options = {
    root: ROOT,
    logLevel: 'warn' as const,
    resolve: { conditions: ['source', ...defaultClientConditions] },
    define: { 'import.meta.env.VITE_GATEWAY': JSON.stringify(`ws://localhost:${gateway.port}/ws`) },
    build: { outDir, emptyOutDir: true },
  };
  await build(options);
  const server = await preview({ ...options, preview: { port: 0, host: '127.0.0.1' } });
  onTestFinished(() => server.close());
  const [url] = server.resolvedUrls?.local ?? [];
  if (url === undefined) throw new Error('vite has no URL');
  for (const { complaints } of await expectChat(browser, url)) expect(complaints).toEqual([]);
  expect(url).not.toContain(String(gateway.port));
});
