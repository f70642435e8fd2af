import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

export const ADMIN_KEY = 'an-admin-key-of-the-tests';
export const ON = { HOLDFAST_ADMIN_KEYS: ADMIN_KEY, HOLDFAST_OPERATIONS_PAGE: 'true' };

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** The operations page in a tab. */
export class OperationsWindow {
  /** Errors of the page or the browser, such as violations of the Content-Security-Policy. */
  readonly complaints: string[] = [];
  /** The addresses of all requests. */
  readonly requested: string[] = [];

  private constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => this.requested.push(request.url()));
    page.on('console', (message) => {
      // The browser logs refusals, and that a pod does not answer.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
        this.complaints.push(message.text());
      }
    });
  }

  static async open(
    browser: Browser,
    managementUrl: string,
    options: BrowserContextOptions = {},
  ): Promise<OperationsWindow> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    onTestFinished(() => context.close());
    const window = new OperationsWindow(await context.newPage(), `${managementUrl}/operations/`);
    await window.page.goto(window.url);
    return window;
  }

  /** Opens the page with the key. */
  static async signedIn(
    browser: Browser,
    managementUrl: string,
    options: BrowserContextOptions = {},
  ): Promise<OperationsWindow> {
    const window = await OperationsWindow.open(browser, managementUrl, options);
    await window.enter(ADMIN_KEY);
    await window.get('content').waitFor();
    return window;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  async enter(key: string): Promise<void> {
    await this.get('key').fill(key);
    await this.get('open').click();
  }

  /** Shows one of the views of the head. */
  async show(view: string): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view, exact: true }).click();
    await this.isAt(view);
  }

  async isAt(title: string): Promise<void> {
    await this.get('title').getByText(title, { exact: true }).waitFor();
    await this.get('content').waitFor();
  }

  /** The value next to a label. */
  fact(label: string): Locator {
    return this.page
      .locator('dl > div', { has: this.page.locator('dt').getByText(label, { exact: true }) })
      .locator('dd');
  }

  rows(): Locator {
    return this.page.locator('tbody tr');
  }

  /** What axe finds wrong, as `rule: element`. */
  async accessibilityProblems(): Promise<string[]> {
    // What fades in has too little contrast.
    await this.page.evaluate(
      async () => void (await Promise.all(document.getAnimations().map(({ finished }) => finished))),
    );
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  }

  /** By how many pixels the page is wider than the screen. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  }
}
