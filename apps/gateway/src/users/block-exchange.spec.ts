import type { Broker } from '@holdfast/broadcast';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BlockedUsers } from '../auth/index.js';
import { parseSignal } from '../signals.js';
import { BlockExchange } from './block-exchange.js';
import type { Block } from './user-command.js';
import type { UserCommands } from './user-commands.js';

/** Pods that receive each other's signals, and their own. */
class Pods {
  readonly signals: string[] = [];
  private readonly pods: BlockExchange[] = [];

  constructor(private readonly sharedHistory = false) {}

  start(known: readonly Block[] = []): { readonly sut: BlockExchange; readonly blocked: BlockedUsers } {
    const blocked = new BlockedUsers();
    const block = ({ user, until }: Block): void => blocked.block(user, until, Date.now());
    known.forEach(block);
    const broker: Pick<Broker, 'capabilities' | 'signal'> = {
      capabilities: { sharedHistory: this.sharedHistory } as Broker['capabilities'],
      signal: async (text) => this.send(text),
    };
    const commands: Pick<UserCommands, 'applyBlocks'> = { applyBlocks: (all) => all.forEach(block) };
    const sut = new BlockExchange(broker as Broker, blocked, commands as UserCommands);
    this.pods.push(sut);
    return { sut, blocked };
  }

  private send(text: string): void {
    this.signals.push(text);
    const signal = parseSignal(text);
    if (signal?.type !== 'blocks' && signal?.type !== 'blocks-wanted') throw new TypeError(`not understood: ${text}`);
    for (const pod of this.pods) pod.onSignal(signal);
  }
}

function blocks(...users: string[]): Block[] {
  return users.map((user) => ({ user, until: Date.now() + 60_000 }));
}

describe('on a broker without history from before the start of a pod', () => {
  it('a pod that starts learns the blocks that any other pod knows', async () => {
    const pods = new Pods();
    pods.start(blocks('ann', 'bob'));
    pods.start(blocks('cy'));
    const newcomer = pods.start();
    await newcomer.sut.ask();
    await vi.waitFor(() => expect(newcomer.blocked.list().map(({ user }) => user)).toHaveLength(3));
  });

  it('what one pod has answered, the others do not repeat', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const pods = new Pods();
    const known = blocks('ann');
    for (let count = 0; count < 5; count += 1) pods.start(known);
    const newcomer = pods.start();
    await newcomer.sut.ask();
    await vi.runAllTimersAsync();
    expect(newcomer.blocked.has('ann')).toBe(true);
    expect(pods.signals).toHaveLength(2);
  });

  it('many blocks come in several signals', async () => {
    const pods = new Pods();
    pods.start(blocks(...Array.from({ length: 1_200 }, (_, index) => `user${index}`)));
    const newcomer = pods.start();
    await newcomer.sut.ask();
    await vi.waitFor(() => expect(newcomer.blocked.list()).toHaveLength(1_200));
    expect(pods.signals).toHaveLength(1 + 3);
  });
});

it('on a broker with such a history nothing is asked', async () => {
  const pods = new Pods(true);
  await pods.start().sut.ask();
  expect(pods.signals).toEqual([]);
});
