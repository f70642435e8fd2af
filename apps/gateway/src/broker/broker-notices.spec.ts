import type { BrokerNotice, LogLoss } from '@holdfast/broadcast';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordedLog, type Line } from '../../test/support/recorded-log.js';
import { BrokerNotices } from './broker-notices.js';

let lines: Line[];
let sut: BrokerNotices;

beforeEach(() => {
  vi.useFakeTimers();
  const recorded = recordedLog();
  lines = recorded.lines;
  sut = new BrokerNotices(recorded.log);
});
afterEach(() => void vi.useRealTimers());

function report(...notices: BrokerNotice[]): Line[] {
  for (const notice of notices) sut.add(notice);
  vi.advanceTimersByTime(500);
  return lines.splice(0);
}

describe('notices of the broker', () => {
  it.each<[BrokerNotice, level: number, event: string, fields: object]>([
    [
      { kind: 'reconnected', reason: 'it hung', duration: 1_230 },
      30,
      'reconnected',
      { reason: 'it hung', seconds: 1.2 },
    ],
    [{ kind: 'interrupted', partition: 1, reason: 'r' }, 30, 'log_interrupted', { partitions: [1], reason: 'r' }],
    [{ kind: 'behind', partition: 1, lag: 31_000 }, 40, 'behind', { partitions: [1], seconds: 31 }],
    [{ kind: 'caught-up', partition: 1 }, 30, 'caught_up', { partitions: [1] }],
    [{ kind: 'created', partition: 1 }, 30, 'log_started', { partitions: [1] }],
    [{ kind: 'snapshot-failed', partition: 1, reason: 'r' }, 40, 'snapshot_failed', { partitions: [1], reason: 'r' }],
    [
      { kind: 'snapshot-overdue', partition: 1, age: 900_000 },
      40,
      'snapshot_overdue',
      { partitions: [1], seconds: 900 },
    ],
  ])('%o are logged', (notice, level, event, fields) => {
    expect(report(notice)).toEqual([{ level, event: `broker.${event}`, ...fields, msg: expect.any(String) }]);
  });

  it.each<[LogLoss, level: number]>([
    ['truncated', 50],
    ['recreated', 50],
    ['digest', 50],
    ['trimmed', 40],
    ['expired', 40],
    ['other_pod', 40],
  ])('about a loss (%s) have the level %i, and say what it means to clients', (loss, level) => {
    expect(report({ kind: 'loss', partition: 3, loss })).toEqual([
      {
        level,
        event: expect.stringMatching(/^broker\.log_/),
        partitions: [3],
        cause: loss,
        msg: expect.stringMatching(/new epoch|gap/),
      },
    ]);
  });

  it('about several partitions at the same time are one line', () => {
    const [loss, other] = ['truncated', 'expired'] as const;
    const notices = [10, 2, 2].map((partition) => ({ kind: 'loss', partition, loss }) as const);
    expect(report(...notices, { kind: 'loss', partition: 4, loss: other })).toMatchObject([
      { partitions: [2, 10], cause: loss },
      { partitions: [4], cause: other },
    ]);
  });

  it('of the same kind are logged once a minute, with how many were not', () => {
    const notice: BrokerNotice = { kind: 'interrupted', partition: 1, reason: 'r' };
    expect(report(notice)).toHaveLength(1);
    expect(report(notice)).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(report(notice)).toMatchObject([{ partitions: [1], reason: 'r', skipped: 1 }]);
  });

  it('are not lost when the pod stops', () => {
    sut.add({ kind: 'caught-up', partition: 1 });
    sut.onApplicationShutdown();
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(lines).toHaveLength(1);
  });
});
