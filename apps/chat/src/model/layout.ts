import type { Entry, MessageEntry, NoticeReason } from './timeline.js';

/** Successive messages of one person stand together unless so much time, in ms, lies between them. */
export const GROUP_WINDOW = 5 * 60_000;

export type Row =
  | { readonly kind: 'day'; readonly id: string; readonly time: number }
  | { readonly kind: 'new'; readonly id: string }
  | { readonly kind: 'notice'; readonly id: string; readonly reason: NoticeReason }
  | {
      readonly kind: 'message';
      readonly id: string;
      readonly entry: MessageEntry;
      /** The first and the last of a group of one person's messages. */
      readonly first: boolean;
      readonly last: boolean;
    };

/**
 * Arranges the entries: day dividers, groups, and the divider before new messages.
 *
 * @param newFrom the id of the first unseen entry, if there is one.
 */
export function layout(entries: readonly Entry[], newFrom?: string): Row[] {
  const rows: Row[] = [];
  let day = '';
  let previous: MessageEntry | undefined;
  let open: MessageEntry | undefined;

  const closeGroup = (): void => {
    const row = rows.at(-1);
    if (open !== undefined && row?.kind === 'message') rows[rows.length - 1] = { ...row, last: true };
    open = undefined;
  };

  for (const entry of entries) {
    if (entry.kind === 'notice') {
      closeGroup();
      rows.push({ kind: 'notice', id: entry.id, reason: entry.reason });
      continue;
    }
    const today = new Date(entry.time).toDateString();
    if (today !== day) {
      closeGroup();
      day = today;
      // If a clock was set back, a day may occur twice, so the day alone is not an id.
      rows.push({ kind: 'day', id: `day/${entry.id}`, time: entry.time });
    }
    if (entry.id === newFrom) {
      closeGroup();
      rows.push({ kind: 'new', id: 'new' });
    }
    if (open !== undefined && !belongTogether(previous, entry)) closeGroup();
    rows.push({ kind: 'message', id: entry.id, entry, first: open === undefined, last: false });
    open ??= entry;
    previous = entry;
  }
  closeGroup();
  return rows;
}

function belongTogether(previous: MessageEntry | undefined, next: MessageEntry): boolean {
  return (
    previous !== undefined &&
    previous.author.id === next.author.id &&
    previous.author.name === next.author.name &&
    Math.abs(next.time - previous.time) < GROUP_WINDOW
  );
}
