import type { BrokerNotice, BrokerStats } from './broker-stats.js';
import type { PlainRefusal } from './plain-messages.js';

/** A place in a channel's stream: an offset within an epoch. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** A publication as a broker stores and delivers it. `payload` is opaque to the broker. */
export interface StoredPublication {
  readonly offset: number;
  /** The broker's clock, in ms since the Unix epoch. */
  readonly time: number;
  readonly payload: string;
}

/**
 * ms for which a position outlives the last subscriber if nothing was ever published after it: there is nothing to resume,
 * and a client that subscribes to ever new names must not fill the broker.
 */
export const UNPUBLISHED_TTL = 30_000;

/** How a channel's stream is kept. The latest `subscribe` or `publish` decides. */
export interface StreamOptions {
  /** Publications to keep, 0–∞; 0 keeps none. */
  readonly historySize: number;
  /** ms for which a publication is kept. */
  readonly historyTtl: number;
  /**
   * ms for which epoch and offset outlive the last publication and the last subscriber; at most {@link UNPUBLISHED_TTL} if
   * nothing was published. They do not expire while anyone is subscribed, nor while a publication is kept.
   */
  readonly positionTtl: number;
}

/** Makes a publish idempotent: a repeated publish with the same publisher, key and channel stores nothing. */
export interface Idempotency {
  readonly publisher: string;
  readonly key: string;
  /** Identifies the data: a repeated publish with another fingerprint fails with a {@link KeyConflictError}. */
  readonly fingerprint: string;
  /** ms for which the key is remembered, from its first publish; a repeated publish does not extend it. */
  readonly window: number;
}

export interface PublishRequest {
  readonly channel: string;
  readonly payload: string;
  readonly stream: StreamOptions;
  readonly idempotency?: Idempotency | undefined;
}

/** The position of the publication; for a duplicate, that of the first publish with its key. */
export interface PublishResult extends Position {
  /** Whether the key was known, so that nothing was stored. */
  readonly duplicate: boolean;
}

export interface HistoryQuery {
  /**
   * Only what follows this position (with `reverse`: what precedes it). A position that is not in the stream, because its
   * epoch is another one or its offset is in the future, restricts nothing and makes the answer incomplete.
   */
  readonly since?: Position | undefined;
  /** The maximum number of publications, ≥ 0: the first ones, in the order that `reverse` selects. */
  readonly limit: number;
  /**
   * The maximum total size of the payloads in bytes (UTF-8), > 0; without it only `limit` counts. What does not fit is not
   * read. The first publication is returned whatever its size, so that paging makes progress.
   */
  readonly maxBytes?: number | undefined;
  /** Newest first; otherwise oldest first. */
  readonly reverse?: boolean | undefined;
}

/** The position is the channel's current one. A channel without a stream has offset 0, in an epoch that is never used. */
export interface History extends Position {
  readonly publications: readonly StoredPublication[];
  /**
   * Whether nothing is missing between `since` and the first of `publications`: the epoch is the same, the offset is not in
   * the future, and the history reaches back to it. True without `since`. If false, `publications` holds what is kept.
   */
  readonly complete: boolean;
}

/** Selects a page of names, in the order of their code units. */
export interface ChannelsQuery {
  readonly prefix?: string | undefined;
  /** The last name of the previous page. */
  readonly after?: string | undefined;
  /** The maximum number of names, ≥ 0. */
  readonly limit: number;
}

/** A client that is present in a channel. `details` is opaque to the broker. */
export interface ChannelMember {
  readonly client: string;
  readonly details: string;
}

export interface MembersQuery {
  /** The maximum number of members, ≥ 0: those that joined first. */
  readonly limit: number;
  /** The maximum size in bytes, ≥ 0, with each member as JSON in UTF-8; without it only `limit` counts. */
  readonly maxBytes?: number | undefined;
}

export interface MemberList {
  /** In the order in which they joined. */
  readonly members: readonly ChannelMember[];
  /** The number of all members of the channel. */
  readonly count: number;
}

/** The effect of a join or a leave. */
export interface MembershipChange {
  /** Whether it was announced: a member joined, left, or has new details. */
  readonly changed: boolean;
  /** The number of members after it. */
  readonly count: number;
}

/** A client's connection in the directory. `holder` distinguishes two connections of the same client. */
export interface RegisteredConnection {
  readonly client: string;
  readonly holder: string;
  readonly user: string;
  readonly node: string;
  /** The broker's clock, in ms since the Unix epoch. */
  readonly since: number;
}

/**
 * Receives the events of a broker. All calls are synchronous. They must not publish before they have returned, because another
 * subscriber on this pod would see the later publication first. Errors that they throw are passed to `onFault`.
 */
export interface BrokerEvents {
  /**
   * A publication on a subscribed channel. Offsets are consecutive, beginning after the position that `subscribe` returned or
   * `onGap` reported.
   */
  onPublication(channel: string, publication: StoredPublication): void;
  /** Publications between the last one and `position` are lost, or the stream started again in a new epoch. */
  onGap(channel: string, position: Position): void;
  onJoin(channel: string, member: ChannelMember): void;
  onLeave(channel: string, member: ChannelMember): void;
  /** Joins or leaves of a subscribed channel may have been missed: `members` returns the whole list. */
  onPresenceGap(channel: string): void;
  /**
   * A member joined or left without a call of `join` or `leave` that reported it: its pod died and was swept, its leave could
   * not be stored at the time, or it was restored to a broker that had lost it. Reported on one pod, subscribed or not, in
   * addition to `onJoin` and `onLeave`.
   */
  onLateMembership(event: 'join' | 'leave', channel: string, member: ChannelMember, count: number): void;
  /** A signal from any pod, including this one. */
  onSignal(signal: string): void;
  /**
   * Something read from the broker cannot be used and was skipped: another application, an operator, or a pod of another
   * release wrote it.
   *
   * @param name of the channel, user or server that it was read for.
   */
  onInvalid(kind: BrokerInput, name: string): void;
  /** Something happened to the broker that its operator should know. */
  onNotice(notice: BrokerNotice): void;
  /** A message that a backend published by the broker itself was not published. On a log, every pod reports it. */
  onPlainRefused(channel: string, reason: PlainRefusal): void;
  /** One of the calls above threw, or the broker has a bug. What it was about was skipped, and everything else continues. */
  onFault(error: unknown): void;
}

/**
 * What is read from a broker: a `message` published to the pods, a stored `publication`, a `member` of a channel, a
 * `connection` of a user, a `key` that holds another type, or an `answer` of a server.
 */
export type BrokerInput = 'message' | 'publication' | 'member' | 'connection' | 'key' | 'answer';

/** What a broker can do. Limits are `Infinity` if there are none. */
export interface BrokerCapabilities {
  /** Publications are kept, so that a subscriber can resume. */
  readonly history: boolean;
  /** The members of channels are known. */
  readonly presence: boolean;
  /** Idempotency keys are remembered. */
  readonly idempotency: boolean;
  /** ms for which publications can be kept. */
  readonly maxHistoryTtl: number;
  /** ms for which idempotency keys can be remembered. */
  readonly maxKeyWindow: number;
  /** Bytes of one payload. */
  readonly maxPayload: number;
  /** Positions outlive the last pod. */
  readonly durablePositions: boolean;
  /** A pod that has just started can read publications from before its start. */
  readonly sharedHistory: boolean;
  /** Backends can publish by the broker itself. */
  readonly plainMessages: boolean;
}

export type BrokerHealth = { readonly status: 'up' } | { readonly status: 'down'; readonly reason: string };

/** ms within which every call of a broker settles, except `start` and `close`. */
export const CALL_LIMIT = 2_000;

/** ms within which `start` and `close` settle. */
export const LIFECYCLE_LIMIT = 10_000;

/** Channels: stores recent publications with their positions, and delivers them to every pod that is subscribed. */
export interface MessageLog {
  /**
   * Starts the events of a channel. Publications after the returned position are delivered. If the pod is subscribed already,
   * only returns the current position. Calls of `subscribe` and `unsubscribe` for one channel take effect in the order in which
   * they are made.
   */
  subscribe(channel: string, stream: StreamOptions): Promise<Position>;
  /**
   * Ends the events of a channel at once: after the call none is reported until a later `subscribe` has taken effect. Does
   * nothing if the pod is not subscribed. The broker may stay attached for some seconds, so that leaving and returning is
   * cheap. After a `subscribe` that failed with BrokerUnknownError, it ends whatever may have started.
   */
  unsubscribe(channel: string): Promise<void>;
  /**
   * Stores a publication and delivers it to every pod that is subscribed. This pod may receive it before the promise settles.
   *
   * @throws KeyConflictError
   */
  publish(request: PublishRequest): Promise<PublishResult>;
  /** Only reads: it neither starts a stream nor extends the life of a position. */
  history(channel: string, query: HistoryQuery): Promise<History>;
  /** Names of channels with a subscriber on any pod. */
  channels(query: ChannelsQuery): Promise<readonly string[]>;
}

/** The members of channels. */
export interface Presence {
  /**
   * Adds a member to a channel. If the client is a member already, only its holder changes, without an announcement; changed
   * details are announced by `onJoin`.
   */
  join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange>;
  /** Removes a client from a channel, unless another holder has taken it over. */
  leave(channel: string, client: string, holder: string): Promise<MembershipChange>;
  members(channel: string, query: MembersQuery): Promise<MemberList>;
}

/** The connections of users, on all pods. */
export interface ConnectionDirectory {
  /** Adds a connection of a user on this pod. A later holder of the same client replaces it. */
  register(connection: RegisteredConnection): Promise<void>;
  /** Removes a client, unless another holder has taken it over. */
  unregister(user: string, client: string, holder: string): Promise<void>;
  connections(user: string): Promise<readonly RegisteredConnection[]>;
}

export interface Signals {
  /** Sends an opaque text to every pod, including this one. */
  signal(signal: string): Promise<void>;
}

/** The broker's clock, in ms since the Unix epoch. */
export interface BrokerClock {
  now(): number;
}

/**
 * What the pods share. Every method that returns a promise settles within {@link CALL_LIMIT} (`start` and `close`: within
 * {@link LIFECYCLE_LIMIT}), whatever the broker waits for. It rejects only with the errors of the contract:
 *
 * - Methods that change nothing (`history`, `channels`, `members`, `connections`) reject with BrokerUnavailableError.
 * - The others reject with BrokerUnavailableError only if nothing was done, and with BrokerUnknownError if something was done,
 *   or may still be done.
 */
export interface Broker extends MessageLog, Presence, ConnectionDirectory, Signals, BrokerClock {
  readonly capabilities: BrokerCapabilities;

  /** Called once, before anything else. Resolves when the broker can be used, or has begun to connect. */
  start(events: BrokerEvents): Promise<void>;
  /** Called once, last. Resolves when nothing is left open. */
  close(): Promise<void>;
  health(): BrokerHealth;
  /** Settles within 1 s, also during an outage, and never rejects. */
  stats(): Promise<BrokerStats>;
}
