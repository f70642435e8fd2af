import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startGatewayProcess } from '../../../gateway/test/support/gateway-process.js';
import { ChatWindow } from '../support/chat-window.js';
import { launchChromium } from '../support/chromium.js';

const PICTURE = fileURLToPath(new URL('../../../../docs/chat.png', import.meta.url));

const CONVERSATION = [
  ['Ann', 'Morning! The new release is rolling out right now.'],
  ['Ann', 'Six pods, one at a time.'],
  ['Bob', 'I have been watching. My window moved to another pod twice and I would not have noticed.'],
  ['Cleo', 'Same here, not a message missed.'],
  ['Ann', 'That is the idea. Notes are at https://example.com/releases/42'],
  ['Bob', 'Can somebody look at the dashboard while I get a coffee?'],
  ['Cleo', 'On it.'],
] as const;

/** `npm run picture` draws the picture of README: the chat page with three people. */
it('draws docs/chat.png', async () => {
  const { url } = await startGatewayProcess({ HOLDFAST_NODE: 'holdfast-0' });
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const windows = {
    Ann: await ChatWindow.open(browser, url, 'Ann', undefined, 2),
    Bob: await ChatWindow.open(browser, url, 'Bob'),
    Cleo: await ChatWindow.open(browser, url, 'Cleo'),
  };
  const said: string[] = [];
  for (const [name, text] of CONVERSATION) {
    await windows[name].say(text);
    said.push(text);
    for (const window of Object.values(windows)) await window.shows(...said);
  }
  const { page, complaints } = windows.Ann;
  await page.getByText('Cleo', { exact: true }).first().waitFor();
  await page.screenshot({ path: PICTURE, animations: 'disabled' });
  expect(complaints).toEqual([]);
});
