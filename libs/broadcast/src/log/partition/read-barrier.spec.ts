import { expect, it, vi } from 'vitest';
import { BrokerUnavailableError } from '../../errors.js';
import type { LogAdapter, LogOffset } from '../log-adapter.js';
import { ReadBarrier } from './read-barrier.js';
import type { Writer } from './writer.js';

/** A barrier of a reader that is at `at`, on a log whose end is answered when the test says so. */
function barrierAt(at: LogOffset) {
  const answer = Promise.withResolvers<{ first: LogOffset; next: LogOffset }>();
  const adapter = { traits: { bounds: true }, bounds: async () => answer.promise } as unknown as LogAdapter;
  const reader = { at };
  const onShorter = vi.fn<() => void>();
  const barrier = new ReadBarrier({ index: 0, adapter, writer: {} as Writer, at: () => reader.at, onShorter });
  return { barrier, reader, onShorter, end: (next: LogOffset) => answer.resolve({ first: 0, next }) };
}

it('is passed if entries are stored and read while the end of the log is asked for', async () => {
  const { barrier, reader, onShorter, end } = barrierAt(5);
  const passed = barrier.passed();
  reader.at = 7;
  end(5);
  await passed;
  expect(onShorter).not.toHaveBeenCalled();
});

it('is not passed, and reports it, if the log ends before what was read', async () => {
  const { barrier, onShorter, end } = barrierAt(5);
  end(4);
  await expect(barrier.passed()).rejects.toThrow(BrokerUnavailableError);
  expect(onShorter).toHaveBeenCalledOnce();
});
