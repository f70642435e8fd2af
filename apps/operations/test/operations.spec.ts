import { BROKER, type Broker } from '@holdfast/broadcast';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchChromium } from '../../chat/test/support/chromium.js';
import { Lifecycle } from '../../gateway/src/lifecycle/lifecycle.js';
import { connectAs } from '../../gateway/test/support/connect-as.js';
import { startGateway, type TestGateway } from '../../gateway/test/support/gateway.js';
import { startGatewaysOnOneBroker } from '../../gateway/test/support/gateways-on-one-broker.js';
import { ADMIN_KEY, ON, OperationsWindow } from './support/operations-window.js';

const PHONE = { width: 360, height: 640 };
const HOSTILE = '<img src=x onerror=alert(1)>';

describe('the operations page', () => {
  let browser: Browser;

  // Takes minutes if Debian's Chromium has to be installed first.
  beforeAll(async () => {
    browser = await launchChromium();
  }, 600_000);
  afterAll(() => browser.close());

  it('asks for a key, which only this tab knows, and which is in no address', async () => {
    const sut = await startGateway({}, ON);
    const window = await OperationsWindow.open(browser, sut.managementUrl);
    await window.enter('short');
    await window.page.getByText('A key has at least 16 visible characters.').waitFor();
    await window.enter('a-key-that-nobody-has');
    await window.page.getByText('The pod does not know this key.').waitFor();
    await window.enter(ADMIN_KEY);
    await window.get('content').waitFor();
    expect(await window.get('pod').innerText()).toBe('test-node');

    await window.page.reload();
    await window.get('content').waitFor();
    const stored = () =>
      window.page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie.length]);
    expect(await stored()).toEqual([1, 0, 0]);
    await window.get('forget').click();
    await window.get('key').waitFor();
    expect(await stored()).toEqual([0, 0, 0]);
    await window.page.reload();
    await window.get('key').waitFor();
    expect(window.requested.length).toBeGreaterThan(5);
    for (const address of window.requested) {
      expect(address).not.toContain(ADMIN_KEY);
      expect(address.startsWith(sut.managementUrl)).toBe(true);
    }
    expect(window.complaints).toEqual([]);
  });

  it('asks for a key again when the one in use was removed', async () => {
    const sut = await startGateway({}, ON);
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    sut.config.adminKeys.replace(['another-admin-key-of-the-tests']);
    await window.page.getByText('The pod does not know this key.').waitFor();
    expect(await window.page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it('shows the pod, its numbers and rates, and follows them', async () => {
    const sut = await startGateway({ limits: { connections: { perPod: 10 } } }, ON);
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    await expect.poll(() => window.fact('Clients').innerText()).toBe('0');
    const clients = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'bob' })];
    for (const client of clients) await client.subscribe('chat:a');
    await expect.poll(() => window.fact('Clients').innerText()).toBe('2');
    await expect.poll(() => window.fact('Subscriptions').innerText()).toBe('2');
    expect(await window.fact('Broker').innerText()).toBe('memory, up');
    await expect
      .poll(async () => {
        await clients[0]?.publish('chat:a', 'Hello');
        return window.fact('Published').innerText();
      })
      .toMatch(/^[1-9]/);
    expect(await window.page.locator('.limits').innerText()).toContain('2 of 10 (20 %)');
    expect(window.complaints).toEqual([]);
  });

  it('says what is wrong: a broker that is down, a drain, a pod that has ended', async () => {
    const sut = await startGateway({}, ON);
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    await window.get('stage').getByText('ready').waitFor();
    const health = vi.spyOn(sut.app.get<Broker>(BROKER), 'health');
    health.mockReturnValue({ status: 'down', reason: 'the connection was lost' });
    await window.get('troubles').getByText('The broker is down: the connection was lost').waitFor();
    health.mockRestore();
    sut.app.get(Lifecycle).stage = 'draining';
    await window.get('stage').getByText('draining').waitFor();
    await window.get('troubles').getByText('The pod drains').waitFor();
    await sut.close();
    await window.get('stage').getByText('no answer').waitFor();
    await window.get('problem').getByText('The pod does not answer. Trying again…').waitFor();
    expect(window.complaints).toEqual([]);
  });

  it('lists the connections in pages, and of one user or channel', async () => {
    const sut = await startGateway({}, ON);
    for (let n = 0; n < 30; n += 1) await connectAs(sut, { sub: `user-${n}` });
    const ann = await connectAs(sut, { sub: 'ann' });
    await ann.subscribe('chat:a');
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    await window.show('Connections');
    await expect.poll(() => window.rows().count()).toBe(25);
    await window.page.getByRole('button', { name: 'Next page' }).click();
    await expect.poll(() => window.rows().count()).toBe(6);
    await window.page.getByRole('button', { name: 'Previous page' }).click();
    await expect.poll(() => window.rows().count()).toBe(25);
    await window.get('connections-user').fill('user-7');
    await expect.poll(() => window.rows().allInnerTexts()).toEqual([expect.stringContaining('user-7')]);
    await window.get('connections-user').fill('');
    await window.get('connections-channel').fill('chat:a');
    await expect.poll(() => window.rows().allInnerTexts()).toEqual([expect.stringContaining('ann')]);
    await window.get('connections-channel').fill('not a channel');
    await window.get('problem').waitFor();
    await window.get('connections-channel').fill('');
    await expect.poll(() => window.get('problem').isVisible()).toBe(false);
    expect(window.complaints).toEqual([]);
  });

  it('shows what a channel holds, and never as HTML', async () => {
    const sut = await startGateway({}, ON);
    const ann = await connectAs(sut, { sub: HOSTILE });
    await ann.subscribe('chat:a');
    await ann.subscribe('chat:b');
    await ann.publish('chat:a', { text: HOSTILE });
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    await window.show('Channels');
    await window.get('channels-prefix').fill('chat:a');
    await expect.poll(() => window.rows().count()).toBe(1);
    await window.page.getByRole('link', { name: 'chat:a' }).click();
    await window.isAt('Channel chat:a');
    expect(await window.fact('Subscribers here').innerText()).toBe('1');
    expect(await window.fact('Offset').innerText()).toBe('1');
    const [message, subscriber] = await window.rows().allInnerTexts();
    expect(message).toContain(JSON.stringify({ text: HOSTILE }));
    expect(subscriber).toContain(HOSTILE);
    await window.page.getByRole('link', { name: HOSTILE }).first().click();
    await window.isAt(`User ${HOSTILE}`);
    expect(await window.page.locator('img').count()).toBe(0);
    expect(window.complaints).toEqual([]);
  });

  it('disconnects and blocks a user on all pods, but only if the operator is sure, and ends the block', async () => {
    const gateways = await startGatewaysOnOneBroker([
      { ...ON, HOLDFAST_NODE: 'first' },
      { ...ON, HOLDFAST_NODE: 'second' },
    ]);
    const [first, second] = gateways as [TestGateway, TestGateway];
    let ann = [await connectAs(first, { sub: 'ann' }), await connectAs(second, { sub: 'ann' })];
    const window = await OperationsWindow.signedIn(browser, first.managementUrl);
    await window.show('Users');
    await window.get('user-input').fill('ann');
    await window.page.keyboard.press('Enter');
    await window.isAt('User ann');
    await expect.poll(() => window.rows().count()).toBe(2);
    expect((await window.rows().allInnerTexts()).join()).toContain('second');
    const button = (name: string) => window.get('content').getByRole('button', { name });

    await button('Disconnect…').click();
    await window.page.keyboard.press('Escape');
    await button('Disconnect…').click();
    await window.page.getByRole('button', { name: 'Cancel' }).click();
    expect(ann.map(({ webSocket }) => webSocket.readyState)).toEqual([1, 1]);
    await button('Disconnect…').click();
    await window.get('confirm').click();
    for (const client of ann) expect((await client.closed).code).toBe(4009);
    await expect.poll(() => window.fact('Connections').innerText()).toBe('0');
    expect(await window.fact('Blocked').innerText()).toBe('no');

    ann = [await connectAs(second, { sub: 'ann' })];
    await window.page.getByLabel('Block for').selectOption('1 day');
    await button('Block…').click();
    await window.get('confirmation').getByText('Block ann for 1 day?').waitFor();
    await window.get('confirm').click();
    expect((await ann[0]?.closed)?.code).toBe(4009);
    await expect.poll(() => window.fact('Blocked').innerText()).toMatch(/^until 20/);
    await expect(connectAs(second, { sub: 'ann' })).rejects.toThrow('closed before "welcome"');

    await button('Unblock').click();
    await expect.poll(() => window.fact('Blocked').innerText()).toBe('no');
    await connectAs(second, { sub: 'ann' });
    await expect.poll(() => window.rows().count()).toBe(1);
    expect(window.complaints).toEqual([]);
  });

  it('says that an action has failed, until the next one', async () => {
    const sut = await startGateway({}, ON);
    const window = await OperationsWindow.signedIn(browser, sut.managementUrl);
    await window.page.goto(`${window.url}#user/ann`);
    await window.isAt('User ann');
    const publish = vi.spyOn(sut.app.get<Broker>(BROKER), 'publish').mockRejectedValue(new Error('away'));
    const disconnect = window.page.getByRole('button', { name: 'Disconnect…' });
    await disconnect.click();
    await window.get('confirm').click();
    await window.get('failure').getByText('This has failed').waitFor();
    publish.mockRestore();
    await disconnect.click();
    await window.get('confirm').click();
    await expect.poll(() => window.get('failure').isVisible()).toBe(false);
  });

  it('can be used with the keyboard', async () => {
    const sut = await startGateway({}, ON);
    await connectAs(sut, { sub: 'ann' });
    const window = await OperationsWindow.open(browser, sut.managementUrl);
    const { keyboard } = window.page;
    // The form has the focus.
    await keyboard.type(ADMIN_KEY);
    await keyboard.press('Enter');
    await window.isAt('Pod');
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    expect(await window.page.evaluate(() => document.activeElement?.id)).toBe('view');
    await window.page.getByRole('link', { name: 'Connections' }).focus();
    await keyboard.press('Enter');
    await window.isAt('Connections');
    const link = window.page.getByRole('link', { name: 'ann', exact: true });
    await link.focus();
    // The focus survives looks.
    const looks = window.requested.length;
    await expect.poll(() => window.requested.length).toBeGreaterThan(looks + 4);
    await keyboard.press('Enter');
    await window.isAt('User ann');
  });

  it.each([
    ['light', { width: 1280, height: 800 }],
    ['dark', { width: 1280, height: 800 }],
    ['light', PHONE],
    ['dark', PHONE],
  ] as const)('passes axe and fits in %s mode on a screen of %o', async (colorScheme, viewport) => {
    const sut = await startGateway({ limits: { connections: { perPod: 10 } } }, ON);
    const long = 'a-word-without-any-break-'.repeat(5);
    const ann = await connectAs(sut, { sub: long });
    await ann.subscribe(`chat:${long}`);
    await ann.publish(`chat:${long}`, long.repeat(20));
    const health = vi.spyOn(sut.app.get<Broker>(BROKER), 'health');
    health.mockReturnValue({ status: 'down', reason: long });
    const window = await OperationsWindow.open(browser, sut.managementUrl, { colorScheme, viewport });
    await window.enter('a-key-that-nobody-has');
    await window.page.getByText('The pod does not know this key.').waitFor();
    expect(await window.accessibilityProblems()).toEqual([]);
    await window.enter(ADMIN_KEY);
    await window.get('troubles').getByText('The broker is down').waitFor();
    const check = async (title: string): Promise<void> => {
      expect(await window.accessibilityProblems(), title).toEqual([]);
      expect(await window.overflow(), title).toBeLessThanOrEqual(0);
    };
    await check('Pod');
    health.mockRestore();
    for (const title of ['Connections', 'Channels', 'Users']) {
      await window.show(title);
      if (title !== 'Users') await expect.poll(() => window.rows().count()).toBe(1);
      await check(title);
    }
    for (const [view, title] of [
      ['user', 'User'],
      ['channel', 'Channel'],
    ]) {
      const name = view === 'user' ? long : `chat:${long}`;
      await window.page.goto(`${window.url}#${view}/${encodeURIComponent(name)}`);
      await window.isAt(`${title} ${name}`);
      await expect.poll(() => window.rows().count()).toBeGreaterThan(0);
      await check(title ?? '');
    }
    await window.page.goto(`${window.url}#user/${long}`);
    await window.page.getByRole('button', { name: 'Block…' }).click();
    await window.get('confirmation').waitFor();
    await check('Confirmation');
    expect(window.complaints).toEqual([]);
  });
});
