import type { ChannelMember, StoredPublication } from '../../broker.js';
import { parseMember } from '../input.js';

/** What the scripts publish on a channel: `pEPOCH OFFSET TIME PAYLOAD`, or `j` or `l` with a member as JSON. */
export type Message =
  | { readonly kind: 'publication'; readonly epoch: string; readonly publication: StoredPublication }
  | { readonly kind: 'join' | 'leave'; readonly member: ChannelMember };

const PUBLICATION = /^p(\S+) (\d+) (\d+) /;

/** Undefined for what no script has published: whoever may use the server may write anything on its channels. */
export function parseMessage(text: string): Message | undefined {
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
