import { BrokerUnavailableError, type BrokerUnknownError } from '../../errors.js';
import type { Outcome } from '../fold/outcome.js';
import { ENTRY_OVERHEAD, encodeRecord, maxRecord, packedSize } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';

/** Bytes of records that may wait for a partition. */
const MAX_WAITING = 4_194_304;
/** Bytes of an entry beyond which no further record is added: large entries delay what follows them. */
const FULL = 65_536;

/** Receives what became of a record, synchronously, while its entry is folded. Exactly one of the methods is called. */
export interface Pending {
  onOutcome(outcome: Outcome): void;
  onError(error: BrokerUnavailableError | BrokerUnknownError): void;
}

export interface WaitingRecord {
  readonly bytes: Buffer;
  /** As {@link performance.now}. */
  readonly due: number;
  readonly pending: Pending;
}

/** Records that have not been sent, in the order of the calls. Nothing was done for them: they can be withdrawn. */
export class WaitingRecords {
  #records: WaitingRecord[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** @param maxEntry bytes of an entry of the log. @returns whether it waits; otherwise `pending` was called. */
  add(record: LogRecord, due: number, pending: Pending, maxEntry: number): boolean {
    const bytes = encodeRecord(record);
    if (bytes.length > maxRecord({ maxEntry })) {
      pending.onError(new BrokerUnavailableError(`larger than an entry of the log (${maxEntry} bytes)`));
      return false;
    }
    if (this.#bytes > 0 && this.#bytes + bytes.length > MAX_WAITING) {
      pending.onError(new BrokerUnavailableError('too much is waiting to be written'));
      return false;
    }
    this.#records.push({ bytes, due, pending });
    this.#bytes += bytes.length;
    return true;
  }

  /** Takes the records of the next entry. */
  take(maxEntry: number): WaitingRecord[] {
    const room = Math.min(FULL, maxEntry - ENTRY_OVERHEAD);
    let size = 0;
    let count = 0;
    for (const { bytes } of this.#records) {
      size += packedSize(bytes);
      if (count > 0 && size > room) break;
      count += 1;
      this.#bytes -= bytes.length;
    }
    return this.#records.splice(0, count);
  }

  withdraw(isDue: (record: WaitingRecord) => boolean, reason: string): void {
    const withdrawn = this.#records.filter(isDue);
    if (withdrawn.length === 0) return;
    this.#records = this.#records.filter((record) => !isDue(record));
    this.#bytes = this.#records.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const { pending } of withdrawn) pending.onError(new BrokerUnavailableError(reason));
  }
}
