import type { Browser, Page } from 'playwright-core';
import { expect, onTestFinished, vi } from 'vitest';

/** One window with the chat of the example. */
export class ChatPage {
  /** Errors of the page and what it warned of. */
  readonly complaints: string[] = [];

  private constructor(private readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // The browser logs refused connections while the gateway is down.
      if (/ERR_|WebSocket connection/.test(message.text())) return;
      // Browsers ask for an icon, which the page does not have.
      if (message.location().url.endsWith('/favicon.ico')) return;
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, url: string, name: string): Promise<ChatPage> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const chat = new ChatPage(await context.newPage());
    await chat.page.goto(url);
    await chat.page.getByLabel('Your name').fill(name);
    return chat;
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message').fill(text);
    await this.page.getByRole('button').click();
  }

  /** Lets it connect at once, instead of after a delay of up to 20 s. */
  async isOnline(): Promise<void> {
    await this.page.evaluate(() => dispatchEvent(new Event('online')));
  }

  /** Waits for the state and for exactly these messages. */
  async shows(status: RegExp, ...messages: string[]): Promise<void> {
    await vi.waitFor(async () => {
      expect(await this.page.getByRole('status').innerText()).toMatch(status);
      expect(await this.page.getByRole('listitem').allInnerTexts()).toEqual(messages);
    });
  }
}

/** Two people chat, each in a window. */
export async function expectChat(browser: Browser, url: string): Promise<readonly [ann: ChatPage, bob: ChatPage]> {
  const ann = await ChatPage.open(browser, url, 'Ann');
  const bob = await ChatPage.open(browser, url, 'Bob');
  await ann.shows(/connected.*2 here/);
  await ann.say('Hello Bob');
  await bob.shows(/connected.*2 here/, 'Ann: Hello Bob');
  await bob.say('Hello Ann');
  await ann.shows(/connected/, 'Ann: Hello Bob', 'Bob: Hello Ann');
  return [ann, bob];
}

/** What they write while the gateway is down is sent when it is back. @param start starts it again. */
export async function expectReconnect(
  [ann, bob]: readonly [ChatPage, ChatPage],
  start: () => Promise<void>,
): Promise<void> {
  await ann.shows(/reconnecting/, 'Ann: Hello Bob', 'Bob: Hello Ann');
  await ann.say('Are you there?');
  await start();
  // The broker in memory has forgotten what was before, so the page begins again with what it has.
  for (const window of [ann, bob]) {
    await window.isOnline();
    await window.shows(/connected.*2 here/, 'Ann: Are you there?');
    expect(window.complaints).toEqual([]);
  }
}
