import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { BlockedUsers } from '../auth/index.js';
import { keyOfBlock, type BlocksSignal } from './user-command.js';
import { UserCommands } from './user-commands.js';

/** The pods do not answer at the same moment, so that most of them find that another one has done it. */
const MAX_DELAY_MS = 500;

/** How many blocks a signal has at most. */
const IN_A_SIGNAL = 500;

/**
 * Brings blocks to a pod that starts, if the broker has no history from before that. Such a pod asks the others. It does not wait
 * for them, because there may be none: a user who connects before they answer is disconnected then.
 */
@Injectable()
export class BlockExchange implements OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  /** What others have answered since somebody asked. */
  private readonly answered = new Set<string>();

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(BlockedUsers) private readonly blocked: BlockedUsers,
    @Inject(UserCommands) private readonly commands: UserCommands,
  ) {}

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  /** Asks, if the broker makes it necessary. Rejects like the methods of {@link Broker}. */
  async ask(): Promise<void> {
    if (!this.broker.capabilities.sharedHistory) await this.signal({ type: 'blocks-wanted' });
  }

  onSignal(signal: BlocksSignal): void {
    if (signal.type === 'blocks') {
      for (const block of signal.blocks) this.answered.add(keyOfBlock(block));
      this.commands.applyBlocks(signal.blocks);
    } else {
      // What was answered before may have been missed by the one that asks now.
      this.answered.clear();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.answer().catch(() => undefined), Math.random() * MAX_DELAY_MS);
    }
  }

  private async answer(): Promise<void> {
    const blocks = this.blocked.list().filter((block) => !this.answered.has(keyOfBlock(block)));
    for (let from = 0; from < blocks.length; from += IN_A_SIGNAL) {
      await this.signal({ type: 'blocks', blocks: blocks.slice(from, from + IN_A_SIGNAL) });
    }
  }

  private signal(signal: BlocksSignal): Promise<void> {
    return this.broker.signal(JSON.stringify(signal));
  }
}
