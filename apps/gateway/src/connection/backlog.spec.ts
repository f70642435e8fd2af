import { describe, expect, it } from 'vitest';
import { Metrics } from '../metrics/metrics.js';
import { Backlog } from './backlog.js';

class Reader {
  noted = 0;
  closed = false;
  waitingBytes = 0;

  constructor(
    readonly user: string | undefined,
    readonly client = user ?? '',
  ) {}

  closeSlow(): void {
    this.closed = true;
    this.waitingBytes = 0;
  }
}

function wait(sut: Backlog, reader: Reader, bytes: number): void {
  reader.waitingBytes = bytes;
  sut.note(reader);
}

describe('the backlog of all connections', () => {
  it('has a limit: beyond it, connections of the user with the largest backlog are closed, however many they are', () => {
    const sut = new Backlog(1_000_000, new Metrics());
    const modest = new Reader('modest');
    const greedy = Array.from({ length: 20 }, (_, n) => new Reader('greedy', `${n}`));
    wait(sut, modest, 200_000);
    for (const reader of greedy) wait(sut, reader, 50_000);
    expect(modest.closed).toBe(false);
    const left = greedy.filter(({ closed }) => !closed);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length * 50_000 + 200_000).toBeLessThanOrEqual(1_000_000);
  });

  it('counts only what is waiting now', () => {
    const sut = new Backlog(1_000_000, new Metrics());
    const readers = Array.from({ length: 10 }, (_, n) => new Reader(`user-${n}`));
    for (const reader of readers) {
      wait(sut, reader, 900_000);
      // It is sent before the next check.
      reader.waitingBytes = 0;
    }
    expect(readers.some(({ closed }) => closed)).toBe(false);
  });

  it('does not count closed connections', () => {
    const sut = new Backlog(1_000_000, new Metrics());
    for (let n = 0; n < 10; n += 1) {
      const reader = new Reader(`user-${n}`);
      wait(sut, reader, 900_000);
      sut.forget(reader);
      expect(reader.closed).toBe(false);
    }
  });
});
