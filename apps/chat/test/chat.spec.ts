import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Metrics } from '../../gateway/src/metrics/metrics.js';
import { startGateway } from '../../gateway/test/support/gateway.js';
import { startGatewayProcess } from '../../gateway/test/support/gateway-process.js';
import { ChatWindow } from './support/chat-window.js';
import { launchChromium } from './support/chromium.js';
import { expectNoInterruption } from './support/drain.js';
import { startTwoInThisProcess } from './support/two-gateways.js';

describe('the chat page', () => {
  let browser: Browser;

  // Takes minutes if Debian's Chromium has to be installed first.
  beforeAll(async () => {
    browser = await launchChromium();
  }, 600_000);
  afterAll(() => browser.close());

  it('lets two people chat, and continues when the gateway was killed and restarted', async () => {
    const gateway = await startGatewayProcess();
    const ann = await ChatWindow.open(browser, gateway.url, 'Ann');
    const bob = await ChatWindow.open(browser, gateway.url, 'Bob');
    await ann.say('Hello Bob');
    await bob.shows('Hello Bob');
    await bob.say('Hello Ann');
    await ann.shows('Hello Bob', 'Hello Ann');
    await vi.waitFor(async () => expect(await ann.get('people-count').innerText()).toContain('2'));

    // A new token on the same client: the others see the new name, and nothing is missed.
    await ann.get('change-name-button').click();
    await ann.get('name-input').fill('Anna');
    await ann.get('join-button').click();
    await vi.waitFor(async () =>
      expect(await bob.get('person').allInnerTexts()).toContainEqual(expect.stringMatching('Anna')),
    );
    await ann.isConnected();

    await gateway.stop('SIGKILL');
    await Promise.all([ann.isReconnecting(), bob.isReconnecting()]);
    await bob.say('Are you still there?');
    await ann.get('composer').fill('a half-typed li');
    expect(await ann.messages()).toEqual(['Hello Bob', 'Hello Ann']);

    await startGatewayProcess({ HOLDFAST_PORT: String(gateway.port) });
    await Promise.all([ann.isConnected(), bob.isConnected()]);
    // The memory broker ended with its process: the messages stay visible, and the page reports that the history was lost.
    await ann.shows('Hello Bob', 'Hello Ann', 'Are you still there?');
    await bob.shows('Hello Bob', 'Hello Ann', 'Are you still there?');
    expect(await ann.get('history-notice').count()).toBe(1);
    expect(await bob.get('history-notice').count()).toBe(1);
    expect(await ann.get('composer').inputValue()).toBe('a half-typed li');
    await ann.say('Here I am');
    await bob.shows('Hello Bob', 'Hello Ann', 'Are you still there?', 'Here I am');
    expect([...ann.complaints, ...bob.complaints]).toEqual([]);
  });

  it('promise 5: shows no interruption when the gateway drains and another one takes over', async () => {
    await expectNoInterruption(browser, await startTwoInThisProcess());
  });

  it('lets two people chat in a namespace whose messages are compressed', async () => {
    const gateway = await startGateway({ namespaceDefaults: { compressFrom: 1 } }, { HOLDFAST_DEMO: 'true' });
    const ann = await ChatWindow.open(browser, gateway.url, 'Ann');
    const bob = await ChatWindow.open(browser, gateway.url, 'Bob');
    const long = 'The same words again and again. '.repeat(50).trim();
    await ann.say(long);
    await bob.shows(long);
    await bob.say('Grüße 😀');
    await ann.shows(long, 'Grüße 😀');
    const { compressedFrom, compressedTo } = gateway.app.get(Metrics).totals;
    // To two people, and the long one shrinks.
    expect(compressedFrom).toBeGreaterThan(2 * long.length);
    expect(compressedTo).toBeLessThan(compressedFrom / 2);
    expect([...ann.complaints, ...bob.complaints]).toEqual([]);
  });

  it('fits a phone', async () => {
    const gateway = await startGatewayProcess();
    const ann = await ChatWindow.open(browser, gateway.url, 'Ann', { width: 360, height: 640 });
    await ann.say('a-word-without-any-break-'.repeat(12));
    await vi.waitFor(async () => expect(await ann.messages()).toHaveLength(1));
    const overflow = await ann.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    expect(await ann.get('send-button').isVisible()).toBe(true);
    expect(ann.complaints).toEqual([]);
  });
});
