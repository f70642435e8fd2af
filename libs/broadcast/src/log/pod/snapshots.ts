import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Outcome } from '../fold/outcome.js';
import { SnapshotAssembler } from '../fold/snapshot-assembler.js';
import { SnapshotWriter } from '../fold/snapshot.js';
import type { LogOffset } from '../log-adapter.js';
import type { Partition } from '../partition/partition.js';
import type { LogRecord } from '../records/records.js';
import { nothing, written } from './record.js';

/** Bytes of one part. */
const PART = 65_536;
/** Items that are copied before other work gets its turn. */
const STEP = 1_000;
/** ms within which a part has to be read back. */
const TIMEOUT = 10_000;

/** The snapshots of one partition: notices those in the log, and writes new ones. */
export class Snapshots {
  readonly #partition: Partition;
  readonly #assembler = new SnapshotAssembler(false);
  /** Where reading has to begin for the latest complete ones, the latest first. */
  #complete: LogOffset[] = [];
  #completed = performance.now();
  #changes = 0;
  #isWanted = false;
  #writer: SnapshotWriter | undefined;

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  /** As {@link DigestRecord.snapshots}. */
  get complete(): readonly LogOffset[] {
    return this.#complete;
  }

  /** ms since the latest snapshot was complete, or since this pod knows the partition. */
  get age(): number {
    return performance.now() - this.#completed;
  }

  /** Whether it is time for the next one. @param interval ms @param longest ms, also if nothing has changed. */
  isDue(interval: number, longest: number): boolean {
    if (this.#writer !== undefined) return false;
    return this.#isWanted || (this.#changes > 0 && this.age > interval) || this.age > longest;
  }

  /** A record was folded. */
  onOutcome(outcome: Outcome, record: LogRecord): void {
    if (outcome.kind === 'era') this.reset();
    else if (record.kind === 'ask') this.#isWanted = true;
    else if (record.kind === 'state') {
      const snapshot = this.#assembler.add(record);
      if (snapshot === undefined) return;
      this.#complete = [snapshot.asOf, ...this.#complete.slice(0, 1)];
      this.#completed = performance.now();
      this.#changes = 0;
      this.#isWanted = false;
    } else if (record.kind !== 'digest' && record.kind !== 'beacon' && record.kind !== 'mark') this.#changes += 1;
  }

  /** The state is another one: what is being written is useless, and earlier ones may be gone. */
  reset(): void {
    this.#writer?.abort();
    this.#writer = undefined;
    this.#complete = [];
    this.#completed = performance.now();
  }

  /** Writes one, in steps. Fails silently: the next one is due soon. */
  async write(): Promise<void> {
    const { fold } = this.#partition;
    if (fold === undefined || this.#writer !== undefined) return;
    const writer = new SnapshotWriter(fold, PART);
    this.#writer = writer;
    try {
      await this.#writeParts(writer);
    } finally {
      if (this.#writer === writer) {
        writer.abort();
        this.#writer = undefined;
      }
    }
  }

  async #writeParts(writer: SnapshotWriter): Promise<void> {
    const id = randomBytes(6).toString('base64url');
    const parts: Buffer[] = [];
    let part = 0;
    for (let isDone = false; !isDone || parts.length > 0;) {
      // A part is only written when it is known whether it is the last one.
      while (!isDone && parts.length < 2) {
        isDone = writer.step(STEP);
        parts.push(...writer.take());
        if (isDone) break;
        await setImmediate();
        if (this.#writer !== writer) return;
      }
      const data = parts.shift();
      if (data === undefined) return;
      const isLast = isDone && parts.length === 0;
      const record = { kind: 'state', id, part, isLast, asOf: writer.asOf, data } as const;
      await written(this.#partition, record, nothing, TIMEOUT);
      if (this.#writer !== writer) return;
      part += 1;
    }
  }
}
