import type { HistoryReply, HistoryRequest, Position } from '@holdfast/protocol';
import type { Listener } from './listener.js';

/** The number of publications per request. */
const PAGE = 1_000;

/**
 * Delivers to a listener what was published before it came: the messages up to the channel's position, from the history.
 *
 * @param read rejects if the history cannot be read.
 */
export async function catchUp<T>(
  listener: Listener<T>,
  channel: string,
  to: Position,
  read: (request: Omit<HistoryRequest, 'channel'>) => Promise<HistoryReply>,
): Promise<void> {
  const { since, last } = listener.options;
  let offset = since?.epoch === to.epoch ? since.offset : -1;
  const take = ({ epoch, publications }: HistoryReply): boolean => {
    for (const publication of publications) {
      if (epoch !== to.epoch || publication.offset > to.offset || listener.isOver) return false;
      // Trimmed since, or never stored.
      if (since && publication.offset > offset + 1) lose({ epoch, offset: publication.offset - 1 });
      offset = publication.offset;
      listener.catchUp({ channel, ...publication }, { epoch, offset });
    }
    return publications.length > 0;
  };
  const lose = (position: Position) => listener.lose(position, 'not_recovered');

  if (since === undefined) {
    const page = await read({ limit: last, reverse: true });
    // Not toReversed, which Safari 16 has only in part.
    const publications = page.publications.map((_, index, all) => all[all.length - 1 - index] ?? _);
    take({ ...page, publications });
    return;
  }
  if (offset >= 0) {
    let more = offset < to.offset;
    while (more && offset < to.offset) more = take(await read({ since: { epoch: to.epoch, offset }, limit: PAGE }));
  }
  if (offset !== to.offset && !listener.isOver) lose(to);
}
