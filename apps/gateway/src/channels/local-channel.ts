import type { Member as BrokerMember, Position, Publication } from '@holdfast/broadcast';
import { encodeNotice, type Members } from '@holdfast/protocol';
import type { BrokerInputs } from '../broker-input/broker-inputs.js';
import type { NamespaceOptions } from '../config/index.js';
import { supersedes } from '../gateway/conflation.js';
import { textFrame } from '../gateway/web-socket-frame.js';
import { decodeMember } from './member.js';
import { encodeMessage, isReadable } from './message.js';
import type { Subscription } from './subscription.js';

type PresenceNotice = readonly [event: 'join' | 'leave', member: BrokerMember];

/** A channel with subscribers on this pod, and the position up to which they have been told. */
export class LocalChannel {
  readonly subscriptions = new Set<Subscription>();
  position: Position = { epoch: '', offset: 0 };
  /** Joins and leaves that have come while the list of members is read. */
  private waiting: PresenceNotice[] | undefined;

  constructor(
    readonly name: string,
    readonly options: NamespaceOptions,
    /** Settles when the broker has begun to tell of this channel. */
    readonly ready: Promise<void>,
    private readonly inputs: BrokerInputs,
  ) {}

  /** Takes the position after which the broker tells; it may have told of publications or a gap since. */
  begin({ epoch, offset }: Position): void {
    const { position } = this;
    if (position.epoch === '' || position.epoch === epoch) {
      this.position = { epoch, offset: Math.max(offset, position.offset) };
    }
  }

  /**
   * Encodes the frame once, for all.
   *
   * @returns whether it could be read: in the place of one that cannot, a gap is delivered.
   */
  publication(publication: Publication): boolean {
    const position = { epoch: this.position.epoch, offset: publication.offset };
    if (!isReadable(publication)) {
      this.inputs.invalid('payload', this.name);
      this.gap(position);
      return false;
    }
    this.position = position;
    const frame = textFrame(encodeMessage(this.name, publication));
    if (this.options.conflate) supersedes(frame, this);
    for (const subscription of this.subscriptions) subscription.deliver(frame, position);
    return true;
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

  /** Whether somebody here is told of joins and leaves. */
  get hasPresence(): boolean {
    for (const { presence } of this.subscriptions) if (presence) return true;
    return false;
  }

  /** Tells the whole list. Joins and leaves follow it that come while it is read: it may be older than they are. */
  async list(reading: Promise<Members>): Promise<void> {
    const waiting: PresenceNotice[] = [];
    this.waiting = waiting;
    try {
      const members = await reading;
      // Another one was asked for meanwhile, which knows more.
      if (this.waiting !== waiting) return;
      const frame = textFrame(encodeNotice('members', { channel: this.name, ...members }));
      for (const subscription of this.subscriptions) if (subscription.presence) subscription.deliver(frame);
    } finally {
      if (this.waiting === waiting) {
        this.waiting = undefined;
        for (const notice of waiting) this.tell(...notice);
      }
    }
  }

  private tell(...[event, member]: PresenceNotice): void {
    if (this.waiting !== undefined) {
      this.waiting.push([event, member]);
      return;
    }
    let frame: Buffer | undefined;
    for (const subscription of this.subscriptions) {
      // A client knows of itself: its own join is in the list that it was answered with.
      if (!subscription.presence || subscription.connection.client === member.client) continue;
      frame ??= this.presenceFrame(event, member);
      if (frame === undefined) return;
      subscription.deliver(frame);
    }
  }

  private presenceFrame(...[event, member]: PresenceNotice): Buffer | undefined {
    const decoded = decodeMember(member);
    if (decoded !== undefined) return textFrame(encodeNotice(event, { channel: this.name, member: decoded }));
    this.inputs.invalid('details', this.name);
    return undefined;
  }
}
