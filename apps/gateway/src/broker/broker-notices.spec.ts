import type { BrokerNotice, LogLoss } from '@holdfast/broadcast';
import type { PinoLogger } from 'nestjs-pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BrokerNotices } from './broker-notices.js';

type Line = [level: string, fields: object, text: string];

let lines: Line[];
let sut: BrokerNotices;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  const write = (level: string) => (fields: object, text: string) => void lines.push([level, fields, text]);
  const logger = { info: write('info'), warn: write('warn'), error: write('error') };
  sut = new BrokerNotices(logger as unknown as PinoLogger);
});
afterEach(() => void vi.useRealTimers());

function report(...notices: BrokerNotice[]): Line[] {
  for (const notice of notices) sut.add(notice);
  vi.advanceTimersByTime(500);
  return lines.splice(0);
}

describe('notices of the broker', () => {
  it.each<[BrokerNotice, level: string, fields: object, text: RegExp]>([
    [
      { kind: 'reconnected', reason: 'it hung', duration: 1_230 },
      'info',
      { reason: 'it hung', seconds: 1.2 },
      /restored/,
    ],
    [{ kind: 'interrupted', partition: 1, reason: 'r' }, 'info', { partitions: [1], reason: 'r' }, /interrupted/],
    [{ kind: 'behind', partition: 1, lag: 31_000 }, 'warn', { partitions: [1], seconds: 31 }, /behind the log/],
    [{ kind: 'caught-up', partition: 1 }, 'info', { partitions: [1] }, /no longer behind/],
    [{ kind: 'created', partition: 1 }, 'info', { partitions: [1] }, /was started/],
    [{ kind: 'snapshot-failed', partition: 1, reason: 'r' }, 'warn', { partitions: [1], reason: 'r' }, /trying again/],
    [{ kind: 'snapshot-overdue', partition: 1, age: 900_000 }, 'warn', { partitions: [1], seconds: 900 }, /too old/],
  ])('%o are logged with what to do', (notice, ...line) => {
    expect(report(notice)).toEqual([[line[0], line[1], expect.stringMatching(line[2])]]);
  });

  it.each<[LogLoss, level: string]>([
    ['truncated', 'error'],
    ['recreated', 'error'],
    ['digest', 'error'],
    ['trimmed', 'warn'],
    ['expired', 'warn'],
    ['other_pod', 'warn'],
  ])('about a loss (%s) have the level %s, and say what it means to clients', (loss, level) => {
    expect(report({ kind: 'loss', partition: 3, loss })).toEqual([
      [level, { partitions: [3], cause: loss }, expect.stringMatching(/new epoch|gap/)],
    ]);
  });

  it('about several partitions at the same time are one line', () => {
    const [loss, other] = ['truncated', 'expired'] as const;
    const notices = [10, 2, 2].map((partition) => ({ kind: 'loss', partition, loss }) as const);
    const fields = report(...notices, { kind: 'loss', partition: 4, loss: other }).map(([, of]) => of);
    expect(fields).toEqual([
      { partitions: [2, 10], cause: loss },
      { partitions: [4], cause: other },
    ]);
  });

  it('of the same kind are logged once a minute, with how many were not', () => {
    const notice: BrokerNotice = { kind: 'interrupted', partition: 1, reason: 'r' };
    expect(report(notice)).toHaveLength(1);
    expect(report(notice)).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(report(notice).map(([, fields]) => fields)).toEqual([{ partitions: [1], reason: 'r', skipped: 1 }]);
  });

  it('are not lost when the pod stops', () => {
    sut.add({ kind: 'caught-up', partition: 1 });
    sut.onApplicationShutdown();
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(lines).toHaveLength(1);
  });
});
