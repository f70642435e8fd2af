import type { Browser } from 'playwright-core';
import { expect } from 'vitest';
import { startTcpProxy } from '../../../gateway/test/support/tcp-proxy.js';
import { ChatWindow } from './chat-window.js';
import type { Gateway } from './two-gateways.js';

/** Lines that are said at least: on a slow machine some of them after the drain. */
const SOME = 4;

/** Lets two people chat while their gateway drains, and checks that they do not notice it. */
export async function expectNoInterruption(
  browser: Browser,
  [first, second]: readonly [Gateway, Gateway],
): Promise<void> {
  const proxy = await startTcpProxy(first.port);
  const url = `http://127.0.0.1:${proxy.port}`;
  const ann = await ChatWindow.open(browser, url, 'Ann');
  const bob = await ChatWindow.open(browser, url, 'Bob');
  const states = await Promise.all([ann.watchStates(), bob.watchStates()]);
  expect([await ann.node(), await bob.node()]).toEqual(['first', 'first']);

  proxy.target = second.port;
  const drain = { done: false };
  const drained = first.drain().then(() => (drain.done = true));
  const lines: string[] = [];
  while (!drain.done || lines.length < SOME) {
    lines.push(`line ${lines.length + 1}`);
    await (lines.length % 2 === 0 ? ann : bob).say(lines.at(-1) ?? '');
    await Promise.all([ann.shows(...lines), bob.shows(...lines)]);
  }
  await drained;

  expect([await ann.node(), await bob.node()]).toEqual(['second', 'second']);
  for (const seen of await Promise.all(states.map((read) => read()))) {
    expect(seen.filter((state) => state !== 'connected')).toEqual([]);
  }
  expect(await ann.get('history-notice').count()).toBe(0);
  expect(await ann.get('person').count()).toBe(2);
  expect([...ann.complaints, ...bob.complaints]).toEqual([]);
}
