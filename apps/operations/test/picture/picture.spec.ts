import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { launchChromium } from '../../../chat/test/support/chromium.js';
import { Connections } from '../../../gateway/src/connection/connections.js';
import { connectAs } from '../../../gateway/test/support/connect-as.js';
import { startGateway } from '../../../gateway/test/support/gateway.js';
import { ON, OperationsWindow } from '../support/operations-window.js';

const PICTURE = fileURLToPath(new URL('../../../../docs/operations-page.png', import.meta.url));

const USERS = 40;
const CHANNELS = ['chat:lobby', 'chat:random', 'chat:help', 'prices:eur', 'prices:usd'];

/** Enough for the lines to show something. */
const LOOKS = 45;

/** `npm run picture` draws the picture of the documentation, of a gateway with some traffic. */
it('draws docs/operations-page.png', async () => {
  const sut = await startGateway(
    {
      connection: { maxBuffered: 10_000_000 },
      limits: { connections: { perPod: 200 } },
      overload: { maxEventLoopDelay: 0.5 },
    },
    { ...ON, HOLDFAST_NODE: 'holdfast-7d9f-x2x4k', HOLDFAST_SETTLE_SECONDS: '1', HOLDFAST_DRAIN_SECONDS: '3' },
  );
  const clients = await Promise.all(Array.from({ length: USERS }, (_, n) => connectAs(sut, { sub: `user-${n + 1}` })));
  for (const [index, client] of clients.entries()) {
    for (const channel of CHANNELS.slice(index % 3)) await client.subscribe(channel);
  }
  let tick = 0;
  const traffic = setInterval(() => {
    tick += 1;
    const count = 3 + Math.round(2 * Math.sin(tick / 40)) + (tick % 70 < 8 ? 4 : 0);
    for (let n = 0; n < count; n += 1) {
      const index = tick + n;
      clients[index % USERS]
        ?.publish(CHANNELS[index % CHANNELS.length] ?? '', { text: `Message ${index}` })
        .catch(() => {});
    }
  }, 100);
  onTestFinished(() => clearInterval(traffic));

  const slow = clients[6];
  slow?.webSocket.pause();
  const [connection] = sut.app.get(Connections).ofUser('user-7');
  if (connection === undefined) throw new Error('expected a connection of user-7');
  // Until the kernel takes no more.
  while (connection.unwritten < 100_000) {
    connection.sendText('x'.repeat(300_000));
    await setImmediate();
  }

  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const window = await OperationsWindow.signedIn(browser, sut.managementUrl, {
    viewport: { width: 1120, height: 1000 },
  });
  const states = () => window.requested.filter((url) => url.endsWith('/admin/state')).length;
  await expect.poll(states, { timeout: 120_000 }).toBeGreaterThan(LOOKS);
  await window.page.screenshot({ path: PICTURE, fullPage: true });
  expect(window.complaints).toEqual([]);
});
