import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Place } from '../fold/place.js';
import type { Outcome } from '../fold/outcome.js';
import { SnapshotAssembler } from '../fold/snapshot-assembler.js';
import { SnapshotWriter } from '../fold/snapshot-writer.js';
import type { LogOffset } from '../log-adapter.js';
import type { Partition } from '../partition/partition.js';
import type { LogRecord } from '../records/records.js';
import { nothing, written } from './record.js';

/** Bytes of one part, if an entry of the log may be so large. */
const PART = 65_536;
/** What a record has besides the part. */
const HEAD = 64;
/** Items that are copied before other work gets its turn. */
const STEP = 1_000;
/** ms within which a part has to be read back. */
const TIMEOUT = 10_000;

/** How many a digest names at most. */
const MAX_COMPLETE = 32;

interface Complete {
  readonly asOf: LogOffset;
  /** When it was complete, by log time. */
  readonly time: number;
}

/** The snapshots of one partition: notices those in the log, and writes new ones. */
export class Snapshots {
  readonly #partition: Partition;
  readonly #window: number;
  readonly #assembler = new SnapshotAssembler(false);
  /** The complete ones that a pod that starts may need, the latest first. */
  #complete: Complete[] = [];
  #completed = performance.now();
  #changes = 0;
  #asked = 0;
  #writer: SnapshotWriter | undefined;

  /** @param window ms for which publications are kept: a pod that starts reads from the first snapshot that is as old. */
  constructor(partition: Partition, window: number) {
    this.#partition = partition;
    this.#window = window;
  }

  /** As {@link DigestRecord.snapshots}. */
  get complete(): LogOffset[] {
    return this.#complete.map(({ asOf }) => asOf);
  }

  /** ms since the latest snapshot was complete, or since this pod knows the partition. */
  get age(): number {
    return performance.now() - this.#completed;
  }

  /** How often pods have asked for one since the latest. */
  get asked(): number {
    return this.#asked;
  }

  /** Whether it is time for the next one. @param interval ms @param longest ms, also if nothing has changed. */
  isDue(interval: number, longest: number): boolean {
    if (this.#writer !== undefined) return false;
    return this.#asked > 0 || (this.#changes > 0 && this.age > interval) || this.age > longest;
  }

  /** A record was folded. */
  onOutcome(outcome: Outcome, record: LogRecord, { time }: Place): void {
    if (record.kind === 'era' && outcome.kind === 'era') {
      this.reset();
      // The beginning of an era is as good as a snapshot.
      this.#complete = [{ asOf: record.cause, time }];
    } else if (record.kind === 'ask') this.#asked += 1;
    else if (record.kind === 'state') {
      const snapshot = this.#assembler.add(record);
      if (snapshot === undefined) return;
      this.#add({ asOf: snapshot.asOf, time });
      this.#completed = performance.now();
      this.#changes = 0;
      this.#asked = 0;
    } else if (record.kind !== 'digest' && record.kind !== 'beacon' && record.kind !== 'mark') this.#changes += 1;
  }

  /** The state is another one: what is being written is useless, and earlier ones may be gone. */
  reset(): void {
    this.#writer?.abort();
    this.#writer = undefined;
    this.#complete = [];
    this.#completed = performance.now();
  }

  #add(latest: Complete): void {
    const all = [latest, ...this.#complete].slice(0, MAX_COMPLETE);
    const oldest = all.findIndex(({ time }) => time <= latest.time - this.#window);
    this.#complete = oldest === -1 ? all : all.slice(0, oldest + 1);
  }

  /** Writes one, in steps. @throws BrokerUnavailableError or BrokerUnknownError: the next one is due soon. */
  async write(): Promise<void> {
    const { fold } = this.#partition;
    if (fold === undefined || this.#writer !== undefined) return;
    const writer = new SnapshotWriter(fold, Math.min(PART, this.#partition.writer.maxRecord - HEAD));
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
