/** A place in a channel's stream: the last offset that is accounted for, within an epoch. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** What a broker keeps and carries. `payload` is opaque to it. */
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

/** How a channel's stream is kept: as the latest `subscribe` or `publish` says. */
export interface StreamOptions {
  /** Publications kept, 0–∞; 0 keeps none. */
  readonly historySize: number;
  /** ms for which a publication is kept. */
  readonly historyTtl: number;
  /**
   * ms for which epoch and offset outlive the last publication and the last subscriber; at most {@link UNPUBLISHED_TTL} if
   * nothing was published. They do not expire while someone is subscribed, nor while a publication is kept.
   */
  readonly positionTtl: number;
}

/** Makes a publish idempotent: a second one by the same publisher, under the same key, on the same channel stores nothing. */
export interface Idempotency {
  readonly publisher: string;
  readonly key: string;
  /** Tells other data from the same: a second publish with another fingerprint is a {@link KeyConflictError}. */
  readonly fingerprint: string;
  /** ms for which the key is remembered, from its first publish; a repeated one does not prolong it. */
  readonly window: number;
}

export interface PublishRequest {
  readonly channel: string;
  readonly payload: string;
  readonly stream: StreamOptions;
  readonly idempotency?: Idempotency | undefined;
}

/** The publication's own position; a duplicate gets that of the first publish under its key. */
export interface PublishResult extends Position {
  /** Whether the key was known, so that nothing was stored. */
  readonly duplicate: boolean;
}

export interface HistoryQuery {
  /**
   * Only what follows this offset of this epoch (with `reverse`: what came before it). A position that is not in the
   * stream, as its epoch is another or its offset from the future, restricts nothing and leaves the answer incomplete.
   */
  readonly since?: Position | undefined;
  /** At most so many, ≥ 0: the first of them, in the order that `reverse` says. */
  readonly limit: number;
  /**
   * At most so many bytes of payloads (UTF-8), > 0; without it only `limit` counts. Reading stops there: what is beyond is not
   * read to be thrown away. The first publication is answered whatever its size, so that paging gets on.
   */
  readonly maxBytes?: number | undefined;
  /** Newest first; otherwise oldest first. */
  readonly reverse?: boolean | undefined;
}

/** The position is the channel's present one. A channel without a stream has offset 0, in an epoch of no use to anyone. */
export interface History extends Position {
  readonly publications: readonly StoredPublication[];
  /**
   * Whether nothing between `since` and the first of `publications` is missing: the epoch is the same, the offset is
   * not from the future and the history reaches back to it. True without `since`. Where false, `publications` holds
   * what there is all the same.
   */
  readonly complete: boolean;
}

/** A page of names, in the order of their code units. */
export interface ChannelsQuery {
  readonly prefix?: string | undefined;
  /** The last name of the page before. */
  readonly after?: string | undefined;
  /** At most so many, ≥ 0. */
  readonly limit: number;
}

/** Someone in a channel. `details` is opaque to the broker. */
export interface ChannelMember {
  readonly client: string;
  readonly details: string;
}

export interface MembersQuery {
  /** At most so many, ≥ 0: those who joined first. */
  readonly limit: number;
  /** At most so many bytes, ≥ 0, with each member as JSON in UTF-8; without it only `limit` counts. */
  readonly maxBytes?: number | undefined;
}

export interface MemberList {
  /** At most as many as were asked for, in the order in which they joined. */
  readonly members: readonly ChannelMember[];
  /** All of them. */
  readonly count: number;
}

/** What a join or a leave did to a channel's members. */
export interface MembershipChange {
  /** Whether it was announced: somebody came, went, or has new details. */
  readonly changed: boolean;
  /** How many members there are after it. */
  readonly count: number;
}

/** A client's connection, as the registry knows it. `holder` tells two connections of one client apart. */
export interface RegisteredConnection {
  readonly client: string;
  readonly holder: string;
  readonly user: string;
  readonly node: string;
  /** The broker's clock, in ms since the Unix epoch. */
  readonly since: number;
}

/**
 * What a broker tells the one who started it. All calls are synchronous. They must not publish before they have
 * returned: another subscriber on this pod would see the later publication first. What they throw goes to `onFault`.
 */
export interface BrokerEvents {
  /**
   * A publication on a subscribed channel. Offsets follow each other without a hole, beginning after the position that
   * `subscribe` gave or `onGap` announced.
   */
  onPublication(channel: string, publication: StoredPublication): void;
  /** What lies between the last publication and `position` is lost, or the stream began anew. */
  onGap(channel: string, position: Position): void;
  onJoin(channel: string, member: ChannelMember): void;
  onLeave(channel: string, member: ChannelMember): void;
  /** Joins or leaves of a subscribed channel may not have been told: `members` has the whole list. */
  onPresenceGap(channel: string): void;
  /**
   * A member came or went without the promise of a `join` or `leave` having told so: its pod is gone and was swept up after, its
   * leave could not be done at its time, or it was brought back to a broker that had lost it. Told to one pod, subscribed or
   * not, beside `onJoin` and `onLeave`.
   */
  onLateMembership(event: 'join' | 'leave', channel: string, member: ChannelMember, count: number): void;
  /** A signal of any pod, this one included. */
  onSignal(signal: string): void;
  /**
   * Something was read from the broker that cannot be used, and was skipped: of another application, of an operator, of a
   * pod of another release.
   *
   * @param name of the channel, room, user or server that it was read for.
   */
  onInvalid(kind: BrokerInput, name: string): void;
  /** One of the calls above threw, or the broker has a fault: what it was about was skipped, and the rest goes on. */
  onFault(error: unknown): void;
}

/**
 * What is read from a broker: a `message` that was published to the pods, a stored `publication`, a `member` of a room, a
 * `connection` of a user, a `key` that holds another type, and an `answer` of a server.
 */
export type BrokerInput = 'message' | 'publication' | 'member' | 'connection' | 'key' | 'answer';

export interface BrokerCapabilities {
  /** Publications are kept, and offsets let a subscriber resume. */
  readonly history: boolean;
  readonly presence: boolean;
  readonly idempotency: boolean;
}

export type BrokerHealth = { readonly status: 'up' } | { readonly status: 'down'; readonly reason: string };

/** ms within which every call of a broker settles, except `start` and `close`. */
export const CALL_LIMIT = 2_000;

/** ms within which `start` and `close` settle. */
export const LIFECYCLE_LIMIT = 10_000;

/**
 * Stores a channel's recent publications with their positions, carries them to every pod that subscribed, and keeps
 * presence.
 *
 * Every method that returns a promise settles within {@link CALL_LIMIT} (`start` and `close`: {@link LIFECYCLE_LIMIT}),
 * whatever the broker waits for, and rejects with one of the errors below and with nothing else. Methods that change nothing
 * (`history`, `channels`, `members`, `connections`) reject with BrokerUnavailableError. The others reject with it only if
 * nothing was done; if something may have been done, or may still be done, with BrokerUnknownError. After an unknown
 * `subscribe`, `unsubscribe` ends whatever may have begun.
 */
export interface Broker {
  readonly capabilities: BrokerCapabilities;

  /** Called once, before anything else. Resolves when the broker can be used, or has begun to try. */
  start(events: BrokerEvents): Promise<void>;
  /** Called once, last. Resolves when nothing is left open. */
  close(): Promise<void>;
  health(): BrokerHealth;
  /** The broker's clock, in ms since the Unix epoch. */
  now(): number;

  /**
   * Begins `onPublication`, `onJoin` and `onLeave` for a channel, after the position that it resolves to; where they
   * have begun already, it only tells the present position. Calls of `subscribe` and `unsubscribe` for one channel take
   * effect in the order in which they are made.
   */
  subscribe(channel: string, stream: StreamOptions): Promise<Position>;
  /**
   * Ends them at once: after this call nothing is told of the channel until a later `subscribe` took effect. Nothing
   * happens where they had not begun.
   */
  unsubscribe(channel: string): Promise<void>;
  /**
   * Stores a publication and carries it to every pod that subscribed. This pod may hear of it before the promise
   * settles.
   *
   * @throws KeyConflictError
   */
  publish(request: PublishRequest): Promise<PublishResult>;
  /** Only reads: it neither begins a stream nor prolongs a position. */
  history(channel: string, query: HistoryQuery): Promise<History>;
  /** Names of channels that someone is subscribed to, on any pod. */
  channels(query: ChannelsQuery): Promise<readonly string[]>;

  /**
   * Puts a member into a channel. A client that is in it already changes hands without a word, unless its details
   * changed: those are announced by `onJoin`.
   */
  join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange>;
  /** Takes a client out of a channel, unless another holder has it by now. */
  leave(channel: string, client: string, holder: string): Promise<MembershipChange>;
  members(channel: string, query: MembersQuery): Promise<MemberList>;

  /** Notes that a user's client is connected here; a later holder of the same client takes its place. */
  register(connection: RegisteredConnection): Promise<void>;
  /** Forgets a client, unless another holder has it by now. */
  unregister(user: string, client: string, holder: string): Promise<void>;
  connections(user: string): Promise<readonly RegisteredConnection[]>;

  /** Carries an opaque text to every pod, this one included. */
  signal(signal: string): Promise<void>;
}
