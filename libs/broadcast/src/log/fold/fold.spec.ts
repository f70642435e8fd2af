import { describe, expect, it } from 'vitest';
import { encodeEntry, encodeRecord } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';
import { Fold } from './fold.js';
import type { Outcome } from './outcome.js';

function read(fold: Fold, record: LogRecord, options: { readonly isWriterBehind?: boolean } = {}): Outcome[] {
  const outcomes: Outcome[] = [];
  const offset = fold.at;
  const data = encodeEntry({ pod: 'pod', number: offset + 1, clock: 1_000 }, [encodeRecord(record)]);
  fold.read(
    { offset, time: 1_000, data, ...options },
    {
      onOutcome: (outcome) => outcomes.push(outcome),
      onEntry: () => undefined,
      onInvalid: () => undefined,
      onPlainRefused: () => undefined,
    },
  );
  return outcomes;
}

describe('the digest of another pod', () => {
  const different: LogRecord = { kind: 'digest', offset: 0, hash: 1, snapshots: [] };

  it('shows that the two have read different logs', () => {
    const fold = new Fold();
    read(fold, { kind: 'mark' });
    expect(read(fold, different)).toEqual([{ kind: 'digest', differs: true }]);
    expect(read(fold, { ...different, hash: fold.digest.latest?.hash ?? 0, offset: 1 })).toEqual([
      { kind: 'digest', differs: false },
    ]);
  });

  it('shows nothing if that pod has missed a part of the log, and does not know it yet', () => {
    const fold = new Fold();
    read(fold, { kind: 'mark' });
    expect(read(fold, different, { isWriterBehind: true })).toEqual([{ kind: 'digest', differs: undefined }]);
    expect(read(fold, different)).toEqual([{ kind: 'digest', differs: true }]);
  });
});
