import type { ChannelMessage } from '../../delivery/subscriptions.js';
import { parseMember } from '../input.js';

const PUBLICATION = /^p(\S+) (\d+) (\d+) /;

/**
 * Parses what the scripts publish on a channel: `pEPOCH OFFSET TIME PAYLOAD`, or `j` or `l` with a member as JSON.
 *
 * @returns undefined for anything else: every user of the server can write to its channels.
 */
export function parseMessage(text: string): ChannelMessage | undefined {
  if (text.startsWith('p')) {
    const [head, epoch, offsetText, timeText] = PUBLICATION.exec(text) ?? [];
    if (head === undefined || epoch === undefined) return undefined;
    const [offset, time] = [Number(offsetText), Number(timeText)];
    if (offset < 1 || !Number.isSafeInteger(offset) || !Number.isSafeInteger(time)) return undefined;
    return { kind: 'publication', epoch, publication: { offset, time, payload: text.slice(head.length) } };
  }
  const kind = text.startsWith('j') ? 'join' : 'leave';
  const member = kind === 'join' || text.startsWith('l') ? parseMember(text.slice(1)) : undefined;
  return member && { kind, member };
}
