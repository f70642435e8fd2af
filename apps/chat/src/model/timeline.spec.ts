import type { Message } from '@holdfast/client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage } from './outbox.js';
import { MAX_ENTRIES, Timeline } from './timeline.js';

const ME = 'me';

function message(offset: number, text: string, user = 'ada', key?: string): Message {
  const sender = { client: `client-of-${user}`, user };
  return {
    channel: 'chat:lobby',
    offset,
    data: { text, name: user },
    time: offset,
    sender,
    ...(key === undefined ? {} : { key }),
  };
}

function outgoing(key: string, text: string, failed = false): OutgoingMessage {
  return { key, room: 'lobby', text, name: 'Me', time: 0, failed };
}

/** The texts from top to bottom, with `…` while sending, `!` if failed, and `--` for notices. */
function shown(timeline: Timeline): string[] {
  return timeline.entries.map((entry) =>
    entry.kind === 'notice' ? '--' : entry.text + { sending: '…', failed: '!', sent: '' }[entry.state],
  );
}

describe('Timeline', () => {
  let sut: Timeline;

  beforeEach(() => {
    sut = new Timeline();
    sut.begin('e1');
  });

  it('shows an own message at once, and confirms it in place by its key', () => {
    sut.send(outgoing('k', 'mine'));
    expect(shown(sut)).toEqual(['mine…']);
    const [before] = sut.entries;
    sut.receive(message(1, 'mine', ME, 'k'), ME);
    expect(shown(sut)).toEqual(['mine']);
    expect(sut.entries[0]?.id).toBe(before?.id);
  });

  it('keeps messages that are being sent below received ones', () => {
    sut.send(outgoing('k', 'mine'));
    sut.receive(message(1, 'theirs'), ME);
    expect(shown(sut)).toEqual(['theirs', 'mine…']);
  });

  it("does not confirm by another person's key", () => {
    sut.send(outgoing('k', 'mine'));
    sut.receive(message(1, 'theirs', 'ada', 'k'), ME);
    expect(shown(sut)).toEqual(['theirs', 'mine…']);
  });

  it('shows a message once, whether the reply or the stream comes first', () => {
    sut.send(outgoing('k', 'first'));
    sut.confirm('k', { epoch: 'e1', offset: 1 });
    expect(shown(sut)).toEqual(['first']);
    sut.receive(message(1, 'first', ME, 'k'), ME);
    sut.send(outgoing('l', 'second'));
    sut.receive(message(2, 'second', ME, 'l'), ME);
    sut.confirm('l', { epoch: 'e1', offset: 2 });
    expect(shown(sut)).toEqual(['first', 'second']);
  });

  it("replaces this machine's time with the broker's", () => {
    sut.send({ ...outgoing('k', 'mine'), time: 5_000 });
    sut.confirm('k', { epoch: 'e1', offset: 1 });
    expect(sut.entries).toMatchObject([{ time: 5_000 }]);
    sut.receive(message(1, 'mine', ME, 'k'), ME);
    expect(sut.entries).toMatchObject([{ time: 1 }]);
  });

  it('moves a message that was stored earlier to its place', () => {
    sut.send(outgoing('k', 'old'));
    sut.receive(message(1, 'a'), ME);
    sut.receive(message(3, 'b'), ME);
    sut.confirm('k', { epoch: 'e1', offset: 2 });
    expect(shown(sut)).toEqual(['a', 'old', 'b']);
  });

  it('keeps the order of sending while replies arrive one by one', () => {
    sut.send(outgoing('k', '1'));
    sut.send(outgoing('l', '2'));
    sut.confirm('k', { epoch: 'e1', offset: 1 });
    sut.confirm('l', { epoch: 'e1', offset: 2 });
    expect(shown(sut)).toEqual(['1', '2']);
  });

  it('marks a failed message, which can be sent again or discarded', () => {
    sut.send(outgoing('k', 'mine'));
    sut.fail('k');
    expect(shown(sut)).toEqual(['mine!']);
    sut.send(outgoing('k', 'mine'));
    expect(shown(sut)).toEqual(['mine…']);
    sut.discard('k');
    expect(shown(sut)).toEqual([]);
  });

  it('marks a failed message as sent if it appears in the stream after all', () => {
    sut.send(outgoing('k', 'mine', true));
    sut.receive(message(1, 'mine', ME, 'k'), ME);
    expect(shown(sut)).toEqual(['mine']);
  });

  it('shows a message once that is received live and with a replay', () => {
    sut.receive(message(1, 'a'), ME);
    expect(sut.receive(message(1, 'a'), ME)).toBeUndefined();
    expect(shown(sut)).toEqual(['a']);
  });

  it('keeps its entries when the history was lost, and continues below the notice', () => {
    sut.receive(message(1, 'before'), ME);
    sut.interrupt({ epoch: 'e2', offset: 0 }, 'not_recovered');
    sut.receive(message(1, 'after'), ME);
    expect(shown(sut)).toEqual(['before', '--', 'after']);
  });

  it('inserts history that is loaded after a gap between the notice and newer messages', () => {
    sut.receive(message(1, 'before'), ME);
    sut.interrupt({ epoch: 'e2', offset: 2 }, 'not_recovered');
    sut.receive(message(3, 'live'), ME);
    for (const offset of [1, 2, 3]) sut.receive(message(offset, offset === 3 ? 'live' : `missed ${offset}`), ME);
    expect(shown(sut)).toEqual(['before', '--', 'missed 1', 'missed 2', 'live']);
  });

  it('shows messages sent meanwhile below the notice', () => {
    sut.receive(message(1, 'before'), ME);
    sut.send(outgoing('k', 'meanwhile'));
    sut.interrupt({ epoch: 'e2', offset: 0 }, 'not_recovered');
    sut.receive(message(1, 'meanwhile', ME, 'k'), ME);
    expect(shown(sut)).toEqual(['before', '--', 'meanwhile']);
  });

  it('keeps messages of the previous epoch above the notice', () => {
    sut.send(outgoing('k', 'stored'));
    sut.confirm('k', { epoch: 'e1', offset: 1 });
    sut.interrupt({ epoch: 'e2', offset: 0 }, 'not_recovered');
    expect(shown(sut)).toEqual(['stored', '--']);
  });

  it('limits the number of entries', () => {
    for (let offset = 1; offset <= MAX_ENTRIES + 10; offset += 1) sut.receive(message(offset, String(offset)), ME);
    expect(sut.entries).toHaveLength(MAX_ENTRIES);
    expect(shown(sut).at(-1)).toBe(String(MAX_ENTRIES + 10));
  });

  it('shows the name of a backend that published through the API', () => {
    const { sender: _, ...publication } = message(1, 'deployed');
    expect(sut.receive({ ...publication, data: 'deployed' }, ME)?.author.name).toBe('Backend');
  });

  it('counts messages of others', () => {
    sut.receive(message(1, 'a'), ME);
    sut.receive(message(2, 'b', ME), ME);
    expect(sut.arrivals).toBe(1);
  });
});
