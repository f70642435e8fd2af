import type { LogOffset } from '../log/log-adapter.js';
import type { PlainMessage } from '../plain-messages.js';

/** A message of an ordering key, as a subscription delivers it. */
export interface Message {
  /** Unique in the topic: the same if it is delivered again. */
  readonly id: string;
  /** When the server received it, in ms since the Unix epoch. Nearly in order. */
  readonly time: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** The offset that an entry has for the pod that has published this, which had read everything up to it. */
export interface Claim {
  readonly generation: string;
  readonly offset: LogOffset;
  /** Of the entry's message. */
  readonly id: string;
}

/** What the messages of an ordering key mean. Only entries have an offset. */
export type Content =
  | { readonly kind: 'entry'; readonly plain: PlainMessage | undefined }
  /** A pod that has subscribed asks which offset comes next. */
  | { readonly kind: 'hello'; readonly token: string }
  /** The answer: `next` is the offset of the first entry after the `hello` with this message id. */
  | { readonly kind: 'place'; readonly of: string; readonly generation: string; readonly next: LogOffset }
  /** No pod has answered: offsets begin again with 0 after this message, for everybody. */
  | { readonly kind: 'begin'; readonly generation: string }
  /** A pod waits for its own message, to know that it has read everything before it. */
  | { readonly kind: 'mark'; readonly token: string };

/** The attributes of a plain message: the documented form for backends. */
export const PlainAttribute = {
  channel: 'channel',
  /** The idempotency key. */
  key: 'key',
} as const;

const KIND = 'holdfast';
const READ = 'holdfast-read';

/** @throws TypeError if it is one of this adapter's messages, and not valid. */
export function contentOf({ attributes, data }: Message): Content {
  const text = attributes[KIND];
  if (text === undefined) {
    const { channel = '', key } = attributes;
    return {
      kind: 'entry',
      plain: channel === '' ? undefined : { channel, key: key === '' ? undefined : key, body: data },
    };
  }
  const [kind, one = '', other = '', third = ''] = text.split(' ');
  switch (kind) {
    case 'entry':
      return { kind, plain: undefined };
    case 'hello':
    case 'mark':
      return { kind, token: one };
    case 'place':
      return { kind, of: one, generation: other, next: offsetOf(third) };
    case 'begin':
      return { kind, generation: one };
    default:
      throw new TypeError('a later release of Holdfast has written to the topic');
  }
}

/** The attributes of a message of this adapter. @param claim undefined if the pod has read no entry yet. */
export function attributesOf(content: Content, claim: Claim | undefined): Record<string, string> {
  const read = claim && { [READ]: `${claim.generation} ${claim.offset} ${claim.id}` };
  switch (content.kind) {
    case 'entry': {
      const { plain } = content;
      if (plain === undefined) return { [KIND]: 'entry', ...read };
      const { channel, key } = plain;
      return { [PlainAttribute.channel]: channel, ...(key !== undefined && { [PlainAttribute.key]: key }), ...read };
    }
    case 'hello':
    case 'mark':
      return { [KIND]: `${content.kind} ${content.token}`, ...read };
    case 'place':
      return { [KIND]: `place ${content.of} ${content.generation} ${content.next}`, ...read };
    case 'begin':
      return { [KIND]: `begin ${content.generation}`, ...read };
  }
}

export function claimOf({ attributes }: Message): Claim | undefined {
  const [generation, offset, id] = attributes[READ]?.split(' ') ?? [];
  if (generation === undefined || offset === undefined || id === undefined) return undefined;
  return { generation, offset: Number(offset), id };
}

function offsetOf(text: string): LogOffset {
  const offset = Number(text);
  if (text === '' || !Number.isSafeInteger(offset) || offset < 0) throw new TypeError('expected an offset');
  return offset;
}
