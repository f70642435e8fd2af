import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { recordedLog, SILENT, type Line } from '../../test/support/recorded-log.js';
import type { EventLog } from './event-log.js';

let sut: EventLog;
let lines: Line[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  ({ log: sut, lines } = recordedLog());
});

function refuse(reason: string): void {
  sut.write('token.refused', { reason, detail: 'why' });
}

function refuseOrigins(from: number, count: number): void {
  for (let index = from; index < from + count; index += 1) sut.write('origin.refused', { origin: `https://${index}` });
}

describe('a line of the log', () => {
  it('has the level, the event and the text of the catalogue, and its fields', () => {
    sut.write('gateway.listening', { url: 'http://localhost:8000' });
    const url = 'http://localhost:8000';
    expect(lines).toEqual([{ level: 30, event: 'gateway.listening', url, msg: `listening on ${url}` }]);
  });

  it('is written each time, unless its event is sampled', () => {
    for (let time = 0; time < 3; time += 1) sut.write('broker.up');
    expect(lines).toHaveLength(3);
  });

  it('is not written below the level of the log', () => {
    expect(sut.writes('connection.opened')).toBe(true);
    expect(SILENT.writes('connection.opened')).toBe(false);
  });
});

describe('a sampled line', () => {
  it('is written once a minute for each kind, with the number of those that were skipped', () => {
    for (let time = 0; time < 3; time += 1) refuse('expired');
    refuse('claim');
    expect(lines.splice(0)).toEqual([
      expect.objectContaining({ reason: 'expired' }),
      expect.objectContaining({ reason: 'claim' }),
    ]);
    vi.advanceTimersByTime(60_000);
    refuse('expired');
    refuse('claim');
    expect(lines[0]).toMatchObject({ reason: 'expired', skipped: 2 });
    expect(lines[1]).not.toHaveProperty('skipped');
  });

  it('of an error is told apart by its message', () => {
    for (const message of ['one', 'one', 'another']) sut.write('upgrade.failed', { err: new Error(message) });
    expect(lines).toHaveLength(2);
  });

  it('has at most 101 kinds a minute, however many clients make up, and forgets old ones', () => {
    refuseOrigins(0, 1_000);
    expect(lines.splice(0)).toHaveLength(101);
    vi.advanceTimersByTime(60_000);
    refuseOrigins(5_000, 1_000);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toMatchObject({ skipped: 899 });
  });
});
