import type { Member, Publication } from '../broker.js';

/** What the scripts publish on a channel: `pEPOCH OFFSET TIME PAYLOAD`, or `j` or `l` with a member as JSON. */
export type Message =
  | { readonly kind: 'publication'; readonly epoch: string; readonly publication: Publication }
  | { readonly kind: 'join' | 'leave'; readonly member: Member };

const PUBLICATION = /^p(\S+) (\d+) (\d+) /;

/** Undefined for what no script has published: whoever may use the server may write anything on its channels. */
export function parseMessage(text: string): Message | undefined {
  if (text.startsWith('p')) {
    const [head, epoch, offset, time] = PUBLICATION.exec(text) ?? [];
    if (head === undefined || epoch === undefined) return undefined;
    const publication = { offset: Number(offset), time: Number(time), payload: text.slice(head.length) };
    return { kind: 'publication', epoch, publication };
  }
  const kind = text.startsWith('j') ? 'join' : 'leave';
  const member = kind === 'join' || text.startsWith('l') ? parseMember(text.slice(1)) : undefined;
  return member && { kind, member };
}

function parseMember(text: string): Member | undefined {
  try {
    const member: unknown = JSON.parse(text);
    if (typeof member !== 'object' || member === null || !('client' in member) || !('details' in member))
      return undefined;
    const { client, details } = member;
    return typeof client === 'string' && typeof details === 'string' ? { client, details } : undefined;
  } catch {
    return undefined;
  }
}
