import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogOffset } from '../log-adapter.js';
import { encodeEntry, encodeRecord } from '../records/entry-codec.js';
import type { EraRecord, LogRecord } from '../records/records.js';
import { STEP } from './step.js';
import type { Writer, WriterContext } from './writer.js';

/** ms before a record that has to be read back is written again. */
const REPEAT = 1_000;

export interface ControlContext extends WriterContext {
  /** How many partitions the log has. */
  readonly partitions: () => number;
  /** Of plain messages, for a new era. */
  readonly policy: string;
}

/**
 * Appends records apart from those that the writer packs, also while it is paused: what a partition writes to find its state, or
 * to begin another one. Nobody waits for them: their effect is seen when they are read.
 */
export class ControlRecords {
  readonly #context: ControlContext;
  readonly #writer: Writer;

  constructor(context: ControlContext, writer: Writer) {
    this.#context = context;
    this.#writer = writer;
  }

  append(record: LogRecord): void {
    const { adapter, partition, pod, clock } = this.#context;
    const header = { pod: pod(), number: this.#writer.nextNumber(), clock: clock() };
    const data = encodeEntry(header, [encodeRecord(record)]);
    adapter.append(partition, data, AbortSignal.timeout(STEP)).catch(() => undefined);
  }

  /** Appends a record now and then while it is needed. */
  repeat(record: LogRecord, isNeeded: () => boolean): void {
    const run = async (): Promise<void> => {
      while (isNeeded()) {
        this.append(record);
        await sleep(REPEAT, undefined, { ref: false });
      }
    };
    run().catch((error: unknown) => this.#context.onFault(error));
  }

  /** Begins a new era. @param cause as {@link EraRecord.cause}. */
  era(cause: LogOffset): EraRecord {
    const { partitions, policy } = this.#context;
    return { kind: 'era', cause, id: randomBytes(9).toString('base64url'), partitions: partitions(), policy };
  }
}
