import { describe, expect, it } from 'vitest';
import type { Acknowledged, ClientKind, Journal, SocketLife, JournalEntry } from '../load/journal.js';
import { judge, longestInterruption, worstBurst, type Verdict } from '../load/verdict.js';

const TIMES = { from: 1_000, to: 11_000 };
const CHANNEL = 'load:0';

function published(count: number, epoch = 'a', first = 1): Acknowledged[] {
  return Array.from({ length: count }, (_, index) => {
    const offset = first + index;
    return { channel: CHANNEL, epoch, offset, text: `p1 ${epoch}${offset}` };
  });
}

function delivered({ epoch, offset, text }: Acknowledged): JournalEntry {
  return { epoch, offset, text, at: 2_000, publishedAt: 1_990 };
}

function gap(epoch: string, offset: number): JournalEntry {
  return { epoch, offset, at: 2_000 };
}

const LIVE: SocketLife = { startedAt: 500, subscribedAt: 600, node: 'pod-1' };

interface Changes {
  entries: readonly JournalEntry[];
  seen?: readonly string[];
  sockets?: SocketLife[];
  kind?: ClientKind;
}

function journal({ entries, seen, sockets = [LIVE], kind = 'library' }: Changes): Journal {
  return {
    id: 7,
    kind,
    channel: CHANNEL,
    sockets,
    entries: [...entries],
    start: { epoch: 'a', offset: 0 },
    seen: new Set(seen ?? entries.flatMap(({ text }) => text ?? [])),
  };
}

function judged(acknowledged: readonly Acknowledged[], changes: Changes): Verdict {
  return judge([journal(changes)], acknowledged, TIMES);
}

const FINE = { lost: 0, duplicated: 0, misordered: 0, wrong: 0, behind: 0, disconnected: 0, unsound: 0, mostGaps: 0 };

describe('the judge of a run', () => {
  const all = published(5);
  const everything = all.map((publish) => delivered(publish));
  const [first, second, third, ...rest] = everything as [JournalEntry, JournalEntry, JournalEntry, ...JournalEntry[]];

  it('finds nothing if every message was delivered once, in order, over one socket', () => {
    const verdict = judged(all, { entries: everything });
    expect(verdict).toMatchObject({ ...FINE, clients: 1, acknowledged: 5, delivered: 5, nodes: { 'pod-1': 1 } });
    expect(verdict.interruption.library).toMatchObject({ max: 0, clients: 0 });
    expect(verdict.latency).toEqual({ p50: 10, p99: 10, max: 10 });
    expect(verdict.examples).toEqual([]);
  });

  it('finds a message that was lost silently', () => {
    const verdict = judged(all, { entries: everything.toSpliced(2, 1) });
    expect(verdict).toMatchObject({ lost: 1, misordered: 1 });
    expect(verdict.examples.join()).toContain('"p1 a3" lost, at a/3');
  });

  it('finds that the end of the channel was never reached', () => {
    expect(judged(all, { entries: everything.slice(0, -1) })).toMatchObject({ lost: 1, behind: 1, misordered: 0 });
  });

  it('counts a message covered by a gap as reported', () => {
    const entries = everything.toSpliced(2, 1, gap('a', 3));
    expect(judged(all, { entries })).toMatchObject({ ...FINE, reportedLost: 1, mostGaps: 1 });
  });

  it('counts messages lost with an ended epoch as reported, and others as lost', () => {
    const next = published(3, 'b');
    const entries = [
      ...everything.slice(0, 3),
      gap('b', 0),
      ...next.toSpliced(1, 1).map((publish) => delivered(publish)),
    ];
    expect(judged([...all, ...next], { entries })).toMatchObject({ reportedLost: 2, lost: 1, mostGaps: 1 });
  });

  it.each([
    ['at its own position again', [...everything, second]],
    ['at another position', [...everything, { ...second, offset: 6 }]],
  ])('finds a duplicate message, %s', (_, entries) => {
    expect(judged(all, { entries })).toMatchObject({ duplicated: 1 });
  });

  it('finds two messages out of order', () => {
    expect(judged(all, { entries: [second, first, third, ...rest] }).misordered).toBeGreaterThan(0);
  });

  it('finds a different content than was acknowledged at a position', () => {
    expect(judged(all, { entries: everything.toSpliced(2, 1, { ...third, text: 'forged' }) }).wrong).toBe(1);
  });

  it('finds a client without a socket', () => {
    const sockets = [{ ...LIVE, closedAt: 5_000 }];
    expect(judged(all, { entries: everything, sockets })).toMatchObject({ disconnected: 1 });
  });

  it('finds a journal that contradicts its sockets', () => {
    const texts = all.map(({ text }) => text);
    expect(judged(all, { entries: everything, seen: texts.slice(1) })).toMatchObject({ unsound: 1 });
    expect(judged(all, { entries: everything, seen: [...texts, 'p1 a6'] })).toMatchObject({ unsound: 1 });
  });

  it('finds the longest silence before a client gave up a socket, but ignores sockets that it was asked to leave', () => {
    const sockets: SocketLife[] = [
      { ...LIVE, heardAt: 2_000, closedAt: 15_000, leftByClient: true },
      { ...LIVE, heardAt: 2_000, closedAt: 90_000, leftByClient: true, invitedAt: 1_500 },
      { ...LIVE, heardAt: 2_000, closedAt: 80_000, closeCode: 1006 },
      LIVE,
    ];
    expect(judged(all, { entries: everything, sockets }).givenUp).toEqual({ sockets: 1, longestSilence: 13_000 });
  });

  it('finds a client that was never subscribed', () => {
    const { start: _, ...never } = journal({ entries: [], sockets: [{ startedAt: 500, refused: 503 }] });
    expect(judge([never], all, TIMES)).toMatchObject({
      lost: 5,
      behind: 1,
      disconnected: 1,
      refusedUpgrades: { 503: 1 },
    });
  });

  it('ignores messages published before the subscription', () => {
    const late = { ...journal({ entries: everything.slice(3) }), start: { epoch: 'a', offset: 3 } };
    expect(judge([late], all, TIMES)).toMatchObject(FINE);
  });
});

describe('an interruption', () => {
  it.each([
    ['none if the next socket is subscribed before the last one closes', [[500, 5_000], [4_900]], 0],
    ['the time between two sockets', [[500, 5_000], [5_300]], 300],
    ['up to the end if there is no next socket', [[500, 5_000]], 6_000],
    ['not counted again under a longer overlap', [[500, 9_000], [2_000, 3_000], [9_100]], 100],
  ])('is %s', (_, lives, expected) => {
    const sockets = lives.map(([subscribedAt, closedAt]) => ({
      startedAt: 0,
      ...(subscribedAt === undefined ? {} : { subscribedAt }),
      ...(closedAt === undefined ? {} : { closedAt }),
    }));
    expect(longestInterruption(sockets, TIMES.from, TIMES.to)).toBe(expected);
  });
});

describe('a burst of upgrades', () => {
  const drain = { node: 'pod-1', from: 0, to: 10_000 };

  it('is 1 if the clients of a draining pod are spread over its window', () => {
    const upgrades = Array.from({ length: 100 }, (_, index) => index * 100);
    expect(worstBurst(upgrades, [drain], () => 100)).toBeCloseTo(1, 1);
  });

  it('is above 1.5 if they all reconnect at once', () => {
    const upgrades = Array.from({ length: 100 }, (_, index) => 1_000 + index);
    expect(worstBurst(upgrades, [drain], () => 100)).toBeCloseTo(2, 1);
  });

  it('is infinite if nothing drains', () => {
    expect(worstBurst([20_000], [drain], () => 100)).toBe(Number.POSITIVE_INFINITY);
    expect(worstBurst([], [], () => 100)).toBe(0);
  });
});
