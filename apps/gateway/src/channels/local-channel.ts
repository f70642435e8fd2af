import type { Member as BrokerMember, Position, Publication } from '@holdfast/broadcast';
import { encodeNotice } from '@holdfast/protocol';
import type { NamespaceOptions } from '../config/index.js';
import { supersedes } from '../gateway/conflation.js';
import { textFrame } from '../gateway/web-socket-frame.js';
import { decodeMember } from './member.js';
import { encodeMessage } from './message.js';
import type { Subscription } from './subscription.js';

/** A channel with subscribers on this pod, and the position up to which they have been told. */
export class LocalChannel {
  readonly subscriptions = new Set<Subscription>();
  position: Position = { epoch: '', offset: 0 };

  constructor(
    readonly name: string,
    readonly options: NamespaceOptions,
    /** Settles when the broker has begun to tell of this channel. */
    readonly ready: Promise<void>,
  ) {}

  /** Takes the position after which the broker tells; it may have told of publications or a gap since. */
  begin({ epoch, offset }: Position): void {
    const { position } = this;
    if (position.epoch === '' || position.epoch === epoch) {
      this.position = { epoch, offset: Math.max(offset, position.offset) };
    }
  }

  /** Encodes the frame once, for all. */
  publication(publication: Publication): void {
    const position = { epoch: this.position.epoch, offset: publication.offset };
    this.position = position;
    const frame = textFrame(encodeMessage(this.name, publication));
    if (this.options.conflate) supersedes(frame, this);
    for (const subscription of this.subscriptions) subscription.deliver(frame, position);
  }

  gap({ epoch, offset }: Position): void {
    const position = { epoch, offset };
    this.position = position;
    const frame = textFrame(encodeNotice('gap', { channel: this.name, ...position }));
    for (const subscription of this.subscriptions) subscription.deliver(frame, position);
  }

  joined(member: BrokerMember): void {
    this.tell('join', member);
  }

  left(member: BrokerMember): void {
    this.tell('leave', member);
  }

  private tell(event: 'join' | 'leave', member: BrokerMember): void {
    let frame: Buffer | undefined;
    for (const subscription of this.subscriptions) {
      // A client knows of itself: its own join is in the list that it was answered with.
      if (!subscription.presence || subscription.connection.client === member.client) continue;
      frame ??= textFrame(encodeNotice(event, { channel: this.name, member: decodeMember(member) }));
      subscription.deliver(frame);
    }
  }
}
