import type { Browser, Locator, Page } from 'playwright-core';
import { expect, onTestFinished, vi } from 'vitest';

/** One user of the chat page. */
export class ChatWindow {
  /** Errors of the page or the browser. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // The browser logs refused connections while the gateway is down.
      if (message.type() === 'error' && !/ERR_|WebSocket connection/.test(message.text())) {
        this.complaints.push(message.text());
      }
    });
  }

  static async open(
    browser: Browser,
    url: string,
    name: string,
    viewport = { width: 1280, height: 800 },
    deviceScaleFactor = 1,
  ): Promise<ChatWindow> {
    const context = await browser.newContext({ viewport, deviceScaleFactor, ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const window = new ChatWindow(await context.newPage());
    await window.page.goto(url);
    await window.get('name-input').fill(name);
    await window.get('join-button').click();
    await window.isConnected();
    return window;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  async isConnected(): Promise<void> {
    await this.page.locator('[data-testid=connection-state][data-state=connected]').waitFor();
  }

  async isReconnecting(): Promise<void> {
    await this.page.locator('[data-testid=connection-state]:not([data-state=connected])').waitFor();
  }

  async node(): Promise<string | null> {
    return this.get('connection-state').getAttribute('data-node');
  }

  async say(text: string): Promise<void> {
    await this.get('composer').fill(text);
    await this.get('composer').press('Enter');
  }

  async messages(): Promise<string[]> {
    return this.get('message-text').allInnerTexts();
  }

  /** Waits until exactly these messages are shown, in this order, and all are sent. */
  async shows(...texts: string[]): Promise<void> {
    await vi.waitFor(
      async () => {
        expect(await this.messages()).toEqual(texts);
        expect(await this.page.locator('[data-testid=message]:not([data-state=sent])').count()).toBe(0);
      },
      { timeout: 15_000, interval: 50 },
    );
  }

  /** Records every connection state that the page shows from now on. */
  async watchStates(): Promise<() => Promise<string[]>> {
    await this.page.evaluate(() => {
      const element = document.querySelector('[data-testid=connection-state]');
      const states: string[] = [];
      Object.assign(globalThis, { states });
      new MutationObserver(() => states.push(element?.getAttribute('data-state') ?? 'gone')).observe(document.body, {
        subtree: true,
        attributes: true,
        attributeFilter: ['data-state'],
      });
    });
    return () => this.page.evaluate(() => (globalThis as unknown as { states: string[] }).states);
  }
}
