import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SharedScrape } from './shared-scrape.js';

let scrapes: number;
let sut: SharedScrape;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  scrapes = 0;
  sut = new SharedScrape(async () => {
    scrapes += 1;
    const own = scrapes;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return `scrape ${own}`;
  });
});

async function ask(): Promise<string> {
  const answer = sut.get();
  await vi.advanceTimersByTimeAsync(5);
  return answer;
}

describe('a scrape of the metrics', () => {
  it('is shared by everyone who asks while it runs, and for ten times as long as it took', async () => {
    expect(await Promise.all([ask(), sut.get()])).toEqual(['scrape 1', 'scrape 1']);
    await vi.advanceTimersByTimeAsync(30);
    expect(await ask()).toBe('scrape 1');
  });

  it('is made again after that', async () => {
    await ask();
    await vi.advanceTimersByTimeAsync(51);
    expect(await ask()).toBe('scrape 2');
  });

  it('that failed is not shared with later callers', async () => {
    sut = new SharedScrape(async () => {
      scrapes += 1;
      if (scrapes === 1) throw new Error('cannot collect');
      return 'fine';
    });
    await expect(sut.get()).rejects.toThrow('cannot collect');
    await expect(sut.get()).resolves.toBe('fine');
  });
});
