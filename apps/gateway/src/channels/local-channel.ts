import type { ChannelMember, Position, StoredPublication } from '@holdfast/broadcast';
import { encodeNotice, type Members } from '@holdfast/protocol';
import type { BrokerInputs } from '../broker/broker-inputs.js';
import { MAX_COMPRESSED, type NamespaceOptions } from '../config/index.js';
import { supersedes } from '../connection/conflation.js';
import { compressedFrame, textFrame } from '../connection/web-socket-frame.js';
import { Announcements, type Announcement, type PresenceEvent } from './announcements.js';
import { decodeMember } from './member.js';
import type { Metrics } from '../metrics/metrics.js';
import { encodeMessage, isReadable } from './message.js';
import { RecentRate } from './recent-rate.js';

type PresenceNotice = readonly [event: PresenceEvent, member: ChannelMember];

/** In channels with fewer listeners everything is announced immediately. */
const BUSY_FROM = 20;
/**
 * After a quiet time, a join or leave is announced immediately. Those that follow are gathered for this long per
 * listener.
 */
const GATHER_MS_PER_LISTENER = 5;
const MAX_GATHER_MS = 1_000;

/** A subscription, as the channel sees it. */
interface Subscriber {
  readonly connection: { readonly client: string; readonly compresses: boolean };
  /** Whether joins and leaves are reported to it. */
  readonly presence: boolean;
  /** How many joins and leaves the channel had seen when the list of members was read for it. */
  readonly listedAt: number;
  /** @param position of a publication or gap in the stream; joins and leaves have none. */
  deliver(frame: Buffer, position?: Position): void;
}

/** A channel with subscribers on this pod, and the position up to which they were notified. */
export class LocalChannel {
  readonly subscriptions = new Set<Subscriber>();
  /** Of publications. */
  readonly rate = new RecentRate();
  position: Position = { epoch: '', offset: 0 };
  /** The number of joins and leaves so far. */
  changes = 0;
  /** While the channel is busy: what is not announced yet. */
  private announcements: Announcements | undefined;
  /** Joins and leaves that arrive while the list of members is read. */
  private waiting: PresenceNotice[] | undefined;

  constructor(
    readonly name: string,
    readonly options: NamespaceOptions,
    /** Settles when the broker's subscription has taken effect. */
    readonly ready: Promise<void>,
    private readonly inputs: BrokerInputs,
    private readonly totals: Pick<Metrics['totals'], 'compressedFrom' | 'compressedTo'>,
  ) {}

  /**
   * Takes the position from which the broker's subscription starts. It may already have delivered publications or a
   * gap.
   */
  begin({ epoch, offset }: Position): void {
    const { position } = this;
    if (position.epoch === '' || position.epoch === epoch) {
      this.position = { epoch, offset: Math.max(offset, position.offset) };
    }
  }

  /**
   * Encodes the frame once, for all subscribers.
   *
   * @param isOwn whether this pod has just encoded the payload itself, so that it needs no check.
   * @returns false if the payload is invalid: a gap is delivered instead.
   */
  publication(publication: StoredPublication, isOwn: boolean): boolean {
    const position = { epoch: this.position.epoch, offset: publication.offset };
    if (!isOwn && !isReadable(publication)) {
      this.inputs.invalid('payload', this.name);
      this.gap(position);
      return false;
    }
    this.position = position;
    this.rate.add();
    const frame = textFrame(encodeMessage(this.name, publication));
    if (this.options.conflate) supersedes(frame, this);
    const { compressFrom } = this.options;
    if (compressFrom > 0 && frame.length >= compressFrom && frame.length <= MAX_COMPRESSED) {
      this.deliverCompressed(frame, position);
    } else {
      for (const subscription of this.subscriptions) subscription.deliver(frame, position);
    }
    return true;
  }

  /** Compresses the frame once, for all subscribers whose connections may compress. */
  private deliverCompressed(frame: Buffer, position: Position): void {
    let compressed: Buffer | undefined;
    for (const subscription of this.subscriptions) {
      if (!subscription.connection.compresses) {
        subscription.deliver(frame, position);
        continue;
      }
      if (compressed === undefined) {
        compressed = compressedFrame(frame);
        if (this.options.conflate) supersedes(compressed, this);
      }
      this.totals.compressedFrom += frame.length;
      this.totals.compressedTo += compressed.length;
      subscription.deliver(compressed, position);
    }
  }

  gap({ epoch, offset }: Position): void {
    const position = { epoch, offset };
    this.position = position;
    const frame = textFrame(encodeNotice('gap', { channel: this.name, ...position }));
    for (const subscription of this.subscriptions) subscription.deliver(frame, position);
  }

  joined(member: ChannelMember): void {
    this.notify('join', member);
  }

  left(member: ChannelMember): void {
    this.notify('leave', member);
  }

  /** Whether any subscriber wants joins and leaves. */
  get hasPresence(): boolean {
    for (const { presence } of this.subscriptions) if (presence) return true;
    return false;
  }

  /**
   * Sends the whole list. Joins and leaves that arrive while it is read are sent after it: the list may be older than
   * they are.
   */
  async list(reading: Promise<Members>): Promise<void> {
    const waiting: PresenceNotice[] = [];
    this.waiting = waiting;
    if (this.announcements !== undefined) this.announce(this.announcements.flush());
    this.announcements = undefined;
    try {
      const members = await reading;
      // Another list was requested meanwhile, which is newer.
      if (this.waiting !== waiting) return;
      const frame = textFrame(encodeNotice('members', { channel: this.name, ...members }));
      for (const subscription of this.subscriptions) if (subscription.presence) subscription.deliver(frame);
    } finally {
      if (this.waiting === waiting) {
        this.waiting = undefined;
        for (const notice of waiting) this.notify(...notice);
      }
    }
  }

  private notify(...[event, member]: PresenceNotice): void {
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
    this.announcements.markAnnounced(event, member);
    this.gather(listeners);
  }

  /** Announces at the end of the interval what happened within it, and continues while there is something to announce. */
  private gather(listeners: number): void {
    const ms = Math.min(MAX_GATHER_MS, listeners * GATHER_MS_PER_LISTENER);
    setTimeout(() => {
      if (this.announcements === undefined) return;
      if (this.announcements.isEmpty) this.announcements = undefined;
      else this.gather(this.announce(this.announcements.flush()));
    }, ms).unref();
  }

  /** @returns the number of listeners. */
  private announce(announcements: readonly Announcement[]): number {
    const frames: Buffer[] = [];
    let listeners = 0;
    for (const subscription of this.subscriptions) {
      if (!subscription.presence) continue;
      listeners += 1;
      for (const [index, { event, member, from, after }] of announcements.entries()) {
        const { listedAt, connection } = subscription;
        // A client is not notified of itself: its own join is in the list of its answer.
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
