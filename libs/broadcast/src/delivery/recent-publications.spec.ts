import { describe, expect, it } from 'vitest';
import type { History, StoredPublication, StreamOptions } from '../broker.js';
import { RecentBudget, RecentPublications } from './recent-publications.js';

const OPTIONS: StreamOptions = { historySize: 10_000, historyTtl: 1_000, positionTtl: 1_000 };
const EPOCH = 'e';

function publication(offset: number, payload = 'x', time = 0): StoredPublication {
  return { offset, time, payload };
}

/** Publications after offset 100. */
function recent(count: number, payload = 'x', budget = new RecentBudget()): RecentPublications {
  const sut = new RecentPublications(budget);
  sut.reset({ epoch: EPOCH, offset: 100 });
  for (let offset = 101; offset <= 100 + count; offset += 1) sut.append(publication(offset, payload), OPTIONS, 0);
  return sut;
}

function resume(
  sut: RecentPublications,
  since: number,
  offset: number,
  now = 0,
  options = OPTIONS,
): History | undefined {
  return sut.after({ since: { epoch: EPOCH, offset: since }, limit: 10_000 }, { epoch: EPOCH, offset }, options, now);
}

describe('recent publications', () => {
  it('answer as far back as they reach', () => {
    const sut = recent(3);
    expect(resume(sut, 101, 103)?.publications.map(({ offset }) => offset)).toEqual([102, 103]);
    expect(resume(sut, 103, 103)).toMatchObject({ complete: true, publications: [] });
    expect(resume(sut, 100, 103)).toMatchObject({ complete: true });
    expect(resume(sut, 99, 103)).toBeUndefined();
    expect(
      sut.after({ since: { epoch: 'another', offset: 1 }, limit: 10 }, { epoch: EPOCH, offset: 103 }, OPTIONS, 0),
    ).toBeUndefined();
  });

  it('know that nothing is older if they have seen the beginning of the stream', () => {
    const sut = new RecentPublications(new RecentBudget());
    sut.reset({ epoch: EPOCH, offset: 0 });
    sut.append(publication(1), OPTIONS, 0);
    expect(
      sut.after({ since: { epoch: 'another', offset: 7 }, limit: 10 }, { epoch: EPOCH, offset: 1 }, OPTIONS, 0),
    ).toMatchObject({
      complete: false,
      publications: [{ offset: 1 }],
    });
  });

  it('do not answer for a position that another pod has received before this one', () => {
    const sut = new RecentPublications(new RecentBudget());
    sut.reset({ epoch: EPOCH, offset: 0 });
    sut.append(publication(1), OPTIONS, 0);
    expect(resume(sut, 2, 1)).toBeUndefined();
    expect(resume(sut, 1, 1)).toMatchObject({ complete: true });
  });

  it('follow the older ones that were read, unless there is a gap between them', () => {
    const sut = recent(2);
    sut.prepend([publication(98), publication(99)], false, { epoch: EPOCH, offset: 102 });
    expect(resume(sut, 98, 102)).toBeUndefined();
    const other = recent(2);
    other.prepend([publication(99), publication(100), publication(101)], false, { epoch: EPOCH, offset: 102 });
    expect(resume(other, 98, 102)?.publications.map(({ offset }) => offset)).toEqual([99, 100, 101, 102]);
    expect(resume(other, 97, 102)).toBeUndefined();
  });

  it('expire as on the server: by time and by number', () => {
    expect(resume(recent(3), 101, 103, 1_000)).toBeUndefined();
    expect(resume(recent(3), 101, 103, 0, { ...OPTIONS, historySize: 1 })).toBeUndefined();
    expect(resume(recent(3), 102, 103, 0, { ...OPTIONS, historySize: 1 })?.publications).toHaveLength(1);
  });

  it('are limited: in number, in length, and in total over all channels', () => {
    expect(recent(5_000).oldest({ epoch: EPOCH, offset: 5_100 })).toBe(5_101 - 1_024);
    expect(recent(50, 'x'.repeat(100_000)).oldest({ epoch: EPOCH, offset: 150 })).toBe(151 - 10);
    const budget = new RecentBudget(1_000);
    const channels = Array.from({ length: 10 }, () => recent(5, 'x'.repeat(100), budget));
    expect(budget.used).toBeLessThanOrEqual(1_000);
    for (const channel of channels) channel.reset({ epoch: EPOCH, offset: 0 });
    expect(budget.used).toBe(0);
  });
});
