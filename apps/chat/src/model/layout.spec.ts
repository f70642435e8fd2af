import { describe, expect, it } from 'vitest';
import { GROUP_WINDOW, layout, type Row } from './layout.js';
import type { Entry, MessageEntry } from './timeline.js';

const noon = new Date(2025, 5, 15, 12).getTime();
const second = 1_000;

function message(id: string, author: string, time: number): MessageEntry {
  return { kind: 'message', id, state: 'sent', author: { id: author, name: author, own: false }, text: id, time };
}

function notice(id: string): Entry {
  return { kind: 'notice', id, reason: 'not_recovered' };
}

/** The layout in one line: `[` and `]` around groups, `|` for a day. */
function sketch(rows: readonly Row[]): string {
  return rows
    .map((row) => {
      if (row.kind === 'message') return `${row.first ? '[' : ''}${row.id}${row.last ? ']' : ''}`;
      return { day: '|', new: 'new', notice: '!' }[row.kind];
    })
    .join(' ');
}

describe('layout', () => {
  it('groups successive messages of one person', () => {
    const rows = layout([
      message('a', 'ada', noon),
      message('b', 'ada', noon + second),
      message('c', 'grace', noon + 2 * second),
      message('d', 'ada', noon + 3 * second),
    ]);
    expect(sketch(rows)).toBe('| [a b] [c] [d]');
  });

  it('begins a new group after a while', () => {
    const rows = layout([
      message('a', 'ada', noon),
      message('b', 'ada', noon + GROUP_WINDOW - 1),
      message('c', 'ada', noon + 2 * GROUP_WINDOW),
    ]);
    expect(sketch(rows)).toBe('| [a b] [c]');
  });

  it('begins a new group if the person changed their name', () => {
    const renamed = { ...message('b', 'ada', noon), author: { id: 'ada', name: 'Countess', own: false } };
    expect(sketch(layout([message('a', 'ada', noon), renamed]))).toBe('| [a] [b]');
  });

  it('divides days, also within a group', () => {
    const midnight = new Date(2025, 5, 16).getTime();
    const rows = layout([message('a', 'ada', midnight - second), message('b', 'ada', midnight + second)]);
    expect(sketch(rows)).toBe('| [a] | [b]');
    expect(rows.filter(({ kind }) => kind === 'day')).toHaveLength(2);
  });

  it('breaks a group at a notice', () => {
    const rows = layout([message('a', 'ada', noon), notice('n'), message('b', 'ada', noon + second)]);
    expect(sketch(rows)).toBe('| [a] ! [b]');
  });

  it('marks where the new messages begin', () => {
    const rows = layout([message('a', 'ada', noon), message('b', 'ada', noon + second)], 'b');
    expect(sketch(rows)).toBe('| [a] new [b]');
  });

  it('gives every row a unique id, even if clocks disagree about the day', () => {
    const yesterday = noon - 86_400_000;
    const rows = layout([
      message('a', 'ada', noon),
      message('b', 'ada', yesterday),
      message('c', 'ada', noon),
      notice('n'),
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  it('is empty without entries', () => {
    expect(layout([])).toEqual([]);
  });
});
