import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import { systemProgram } from '../../../gateway/test/support/system-package.js';

/** A headless Chromium, from CHROMIUM_PATH or Debian. */
export async function launchChromium(args: readonly string[] = [], options: LaunchOptions = {}): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? systemProgram('/usr/bin/chromium', ['chromium']);
  return chromium.launch({
    ...options,
    executablePath,
    args: [
      // Its sandbox does not work for root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}
