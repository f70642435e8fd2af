import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { FlushSchedule } from './flush-schedule.js';

const SOCKETS = 200;
const MAX_REST_MS = 5;

let sut: FlushSchedule;
let flushed: number;

beforeEach(() => {
  sut = new FlushSchedule();
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  flushed = 0;
});

/** Flushes this many sockets, each with this many frames. */
function publish(sockets: number, frames = 1): void {
  for (let socket = 0; socket < sockets; socket += 1) sut.add({ waiting: frames, flush: () => void (flushed += 1) });
}

/** The number of sockets flushed within this many ms. */
function flushedWithin(ms: number): number {
  const before = flushed;
  vi.advanceTimersByTime(ms);
  return flushed - before;
}

describe('queued frames', () => {
  it('are written at the end of the turn', () => {
    publish(3);
    expect(flushed).toBe(0);
    expect(flushedWithin(0)).toBe(3);
  });

  it('are reported as written after the flush, or at once if there are none', () => {
    const written = vi.fn<() => void>();
    sut.whenFlushed(written);
    expect(written).toHaveBeenCalledTimes(1);
    publish(3);
    sut.whenFlushed(written);
    expect(written).toHaveBeenCalledTimes(1);
    expect(flushedWithin(0)).toBe(3);
    expect(written).toHaveBeenCalledTimes(2);
    publish(1);
    expect(flushedWithin(10)).toBe(1);
    expect(written).toHaveBeenCalledTimes(2);
  });

  it('are delayed a few milliseconds after a flush of many sockets, as long as that merges frames', () => {
    publish(SOCKETS);
    expect(flushedWithin(0)).toBe(SOCKETS);
    for (let round = 0; round < 10; round += 1) {
      publish(SOCKETS, 3);
      expect(flushedWithin(0)).toBe(0);
      expect(flushedWithin(MAX_REST_MS)).toBe(SOCKETS);
    }
  });

  it('are not delayed after a flush of few sockets', () => {
    publish(10);
    vi.advanceTimersByTime(0);
    publish(10);
    expect(flushedWithin(0)).toBe(10);
  });

  it('are not delayed for a while if a delay merged nothing, after which it is tried again', () => {
    publish(SOCKETS);
    vi.advanceTimersByTime(0);
    publish(SOCKETS, 1);
    expect(flushedWithin(0)).toBe(0);
    expect(flushedWithin(MAX_REST_MS)).toBe(SOCKETS);
    for (let ms = 0; ms < 90; ms += 1) {
      publish(SOCKETS, 1);
      expect(flushedWithin(0)).toBe(SOCKETS);
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(20);
    publish(SOCKETS, 1);
    vi.advanceTimersByTime(0);
    publish(SOCKETS, 1);
    expect(flushedWithin(0)).toBe(0);
  });
});
