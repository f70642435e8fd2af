import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { launchChromium } from '../../../apps/chat/test/support/chromium.js';
import { startGatewayProcess } from '../../../apps/gateway/test/support/gateway-process.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { expectChat, expectReconnect } from '../../react/test/support/chat-page.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

let browser: Browser;
// Takes minutes if Debian's Chromium has to be installed first.
beforeAll(async () => {
  browser = await launchChromium();
}, 600_000);
afterAll(() => browser.close());

it('the HTML file lets two people chat, and survives a restart and a move', async () => {
  const [port, pagePort] = [await freePort(), await freePort()];
  const env = { HOLDFAST_DEMO: 'false', HOLDFAST_PORT: String(port) };
  let gateway = await startGatewayProcess(env);
  // As in package.json.
  const server = spawn('python3', ['-u', '-m', 'http.server', String(pagePort), '--bind', '127.0.0.1'], {
    cwd: FOLDER,
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  await once(server.stdout, 'data');
  const page = `http://localhost:${pagePort}/?gateway=ws://localhost:${port}/ws`;
  const windows = await expectChat(browser, page);
  await gateway.stop('SIGKILL');
  await expectReconnect(windows, async () => void (gateway = await startGatewayProcess(env)));
  const [ann, bob] = windows;
  // The pod that stops asks its clients to move. There is no other, so they come back when it has started again.
  await gateway.stop();
  await ann.shows(/reconnecting/, 'Ann: Are you there?');
  gateway = await startGatewayProcess(env);
  for (const window of windows) await window.isOnline();
  await bob.say('Back again');
  await ann.shows(/connected.*2 here/, 'Bob: Back again');
  expect([...ann.complaints, ...bob.complaints]).toEqual([]);
  // It starts three gateways, which takes long on a busy machine.
}, 400_000);
