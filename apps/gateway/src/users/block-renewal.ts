import { keyOfBlock, type Block } from './user-command.js';

/** The pods do not renew at the same moment, so that most of them find that another one has done it. */
const MAX_DELAY_MS = 60_000;

/**
 * Says when blocks have to be stored again, because the broker keeps publications for a limited time and a block may last longer.
 * Each block is stored once in each period, which is half of that time, so that a pod that starts always finds it.
 */
export class BlockRenewal {
  private period = 0;
  private renewAt = 0;
  /** The blocks that were stored in this period, by any pod. */
  private readonly stored = new Set<string>();

  /** @param ttl ms for which the broker keeps publications; `Infinity` if there is no limit. */
  constructor(private readonly ttl: number) {}

  /** Identifies a block in the present period. @param now the broker's clock, in ms since the Unix epoch. */
  keyOf(block: Block, now: number): string {
    return `${this.periodOf(now)} ${keyOfBlock(block)}`;
  }

  /** Records that a block was stored. @param time when, by the broker's clock. */
  note(block: Block, time: number): void {
    if (this.ttl !== Infinity) this.stored.add(this.keyOf(block, time));
  }

  /** Those of the blocks that have to be stored now. */
  due(blocks: readonly Block[], now: number): readonly Block[] {
    if (this.ttl === Infinity) return [];
    const period = this.periodOf(now);
    if (period !== this.period) {
      this.period = period;
      this.renewAt = now + Math.random() * Math.min(MAX_DELAY_MS, this.ttl / 8);
      for (const key of this.stored) if (!key.startsWith(`${period} `)) this.stored.delete(key);
    }
    return now < this.renewAt ? [] : blocks.filter((block) => !this.stored.has(this.keyOf(block, now)));
  }

  private periodOf(now: number): number {
    return this.ttl === Infinity ? 0 : Math.floor(now / (this.ttl / 2));
  }
}
