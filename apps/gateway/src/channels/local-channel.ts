import type { ChannelMember, Position, StoredPublication } from '@holdfast/broadcast';
import { encodeNotice, type Members } from '@holdfast/protocol';
import type { BrokerInputs } from '../broker-input/broker-inputs.js';
import type { NamespaceOptions } from '../config/index.js';
import { supersedes } from '../gateway/conflation.js';
import { textFrame } from '../gateway/web-socket-frame.js';
import { Announcements, type Announcement, type PresenceEvent } from './announcements.js';
import { decodeMember } from './member.js';
import { encodeMessage, isReadable } from './message.js';
import type { Subscription } from './subscription.js';

type PresenceNotice = readonly [event: PresenceEvent, member: ChannelMember];

/** In smaller rooms everything is announced at once. */
const BUSY_FROM = 20;
/** A join or leave in a quiet room is announced at once; those that follow are gathered for so long for each listener. */
const GATHER_MS_PER_LISTENER = 5;
const MAX_GATHER_MS = 1_000;

/** A channel with subscribers on this pod, and the position up to which they have been told. */
export class LocalChannel {
  readonly subscriptions = new Set<Subscription>();
  position: Position = { epoch: '', offset: 0 };
  /** How many joins and leaves there were. */
  changes = 0;
  /** While the room is busy: what is not announced yet. */
  private announcements: Announcements | undefined;
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
  publication(publication: StoredPublication): boolean {
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

  joined(member: ChannelMember): void {
    this.tell('join', member);
  }

  left(member: ChannelMember): void {
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
    if (this.announcements !== undefined) this.announce(this.announcements.flush());
    this.announcements = undefined;
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
    if (decodeMember(member) === undefined) {
      this.inputs.invalid('details', this.name);
      return;
    }
    this.changes += 1;
    if (this.announcements !== undefined) {
      this.announcements.add(event, member, this.changes);
      return;
    }
    const listeners = this.announce([{ event, member, from: 0, after: this.changes }]);
    if (listeners < BUSY_FROM) return;
    this.announcements = new Announcements();
    this.announcements.told(event, member);
    this.gather(listeners);
  }

  /** Tells at the end of the moment what happened within it, and gathers on while there is something to tell. */
  private gather(listeners: number): void {
    const ms = Math.min(MAX_GATHER_MS, listeners * GATHER_MS_PER_LISTENER);
    setTimeout(() => {
      if (this.announcements === undefined) return;
      if (this.announcements.isEmpty) this.announcements = undefined;
      else this.gather(this.announce(this.announcements.flush()));
    }, ms).unref();
  }

  /** @returns how many listeners there are. */
  private announce(announcements: readonly Announcement[]): number {
    const frames: Buffer[] = [];
    let listeners = 0;
    for (const subscription of this.subscriptions) {
      if (!subscription.presence) continue;
      listeners += 1;
      for (const [index, { event, member, from, after }] of announcements.entries()) {
        const { listedAt, connection } = subscription;
        // A client knows of itself: its own join is in the list that it was answered with.
        if (listedAt < from || listedAt >= after || connection.client === member.client) continue;
        const frame = (frames[index] ??= textFrame(
          encodeNotice(event, { channel: this.name, member: decodeMember(member) ?? { client: member.client } }),
        ));
        subscription.deliver(frame);
      }
    }
    return listeners;
  }
}
