import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Announcements, type PresenceEvent } from './announcements.js';

function member(client: string, details = '{}') {
  return { client, details };
}

/** The announcements for a listener with an up-to-date list of members. */
function announcedTo(sut: Announcements, listedAt = 0): string[] {
  return sut
    .flush()
    .filter(({ from, after }) => listedAt >= from && listedAt < after)
    .map(({ event, member: { client } }) => `${event} ${client}`);
}

describe('collected joins and leaves', () => {
  it('are announced once each', () => {
    const sut = new Announcements();
    sut.add('join', member('a'), 1);
    sut.add('leave', member('b'), 2);
    expect(announcedTo(sut)).toEqual(['join a', 'leave b']);
    expect(sut.isEmpty).toBe(true);
  });

  it('of one client cancel each other out', () => {
    const sut = new Announcements();
    sut.add('leave', member('a'), 1);
    sut.add('join', member('a'), 2);
    expect(announcedTo(sut)).toEqual([]);
    for (let at = 3; at < 100; at += 2) {
      sut.add('leave', member('a'), at);
      sut.add('join', member('a'), at + 1);
    }
    expect(announcedTo(sut)).toEqual([]);
  });

  it('of a client that is not in any list yet are announced as one join and one leave, however often it came and went', () => {
    const sut = new Announcements();
    for (let at = 1; at < 100; at += 2) {
      sut.add('join', member('a'), at);
      sut.add('leave', member('a'), at + 1);
    }
    expect(announcedTo(sut)).toEqual(['join a', 'leave a']);
    sut.add('join', member('a'), 101);
    sut.add('leave', member('a'), 102);
    expect(announcedTo(sut)).toEqual([]);
  });

  it('announce new details', () => {
    const sut = new Announcements();
    sut.add('leave', member('a', '1'), 1);
    sut.add('join', member('a', '2'), 2);
    expect(announcedTo(sut)).toEqual(['join a']);
  });

  it("lead to the correct list, whenever a listener's list was read", () => {
    const step = fc.record({
      client: fc.constantFrom('a', 'b', 'c'),
      details: fc.constantFrom('1', '2'),
      flush: fc.boolean(),
      listens: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const sut = new Announcements();
        const present = new Map<string, string>();
        const listeners: { listedAt: number; list: Map<string, string> }[] = [{ listedAt: 0, list: new Map() }];
        const flush = (): void => {
          for (const { event, member: changed, from, after } of sut.flush()) {
            for (const listener of listeners) {
              if (listener.listedAt < from || listener.listedAt >= after) continue;
              const { list } = listener;
              if (event === 'leave') list.delete(changed.client);
              else list.set(changed.client, changed.details);
            }
          }
        };
        let at = 0;
        for (const { client, details, flush: ends, listens } of steps) {
          at += 1;
          const before = present.get(client);
          const event: PresenceEvent = before === undefined || before !== details ? 'join' : 'leave';
          if (event === 'join') present.set(client, details);
          else present.delete(client);
          sut.add(event, { client, details }, at);
          if (listens) listeners.push({ listedAt: at, list: new Map(present) });
          if (ends) flush();
        }
        flush();
        for (const { list } of listeners) expect(list).toEqual(present);
      }),
    );
  });
});
