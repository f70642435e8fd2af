/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * A position in a channel's stream: the last offset that was delivered or reported as lost. Offsets count from 1 by 1 within an
 * epoch, so a stream without publications is at offset 0.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Who published: the connection's client id, and its user unless it is anonymous. */
export interface Sender {
  readonly client: string;
  readonly user?: string;
}

/** A subscribed client, as presence shows it. `info` is the token's claim of that name. */
export interface Member {
  readonly client: string;
  readonly user?: string;
  readonly info?: Json;
}

/** `members` is limited in length; `count` is the full number, exact within the lease time. */
export interface Members {
  readonly members: readonly Member[];
  readonly count: number;
}

/** A publication in the history. */
export interface Publication {
  readonly offset: number;
  readonly data: Json;
  /** The broker's clock, in ms since the Unix epoch. */
  readonly time: number;
  /** Absent if it was published through the HTTP API. */
  readonly sender?: Sender;
  readonly key?: string;
}

export interface Message extends Publication {
  readonly channel: string;
}

export interface Welcome {
  /** The client's public id: the hash of `session` and `user`. */
  readonly client: string;
  /** A secret of 32 characters of base64url: presenting it when connecting keeps the client id. */
  readonly session: string;
  /** Absent for an anonymous connection. */
  readonly user?: string;
  /** The name of the pod. */
  readonly node: string;
  /** Send `ping` after this many ms without a frame from the gateway. */
  readonly ping: number;
  /** The largest frame that the gateway accepts, in bytes. */
  readonly maxPayload: number;
  /** How long a publish may be retried with its key, in ms. */
  readonly keyWindow: number;
  /** Milliseconds until the token expires; absent if it does not expire. */
  readonly expires?: number;
  /** Whether the gateway knows `after` in `publish`. */
  readonly pipelining?: boolean;
}

export interface ConnectRequest {
  readonly token: string;
  readonly session?: string | undefined;
}

export interface SubscribeRequest {
  readonly channel: string;
  /** Resume: replay what followed this position. Not together with `last`. */
  readonly since?: Position | undefined;
  /** Replay up to this many recent messages, 1–1,000. */
  readonly last?: number | undefined;
  /** Include the members in the reply, and send joins and leaves. */
  readonly presence?: boolean | undefined;
  /** A subscription token for this channel. */
  readonly token?: string | undefined;
}

/** `replay` messages follow the reply as ordinary `message` frames; `offset` is that of the last of them. */
export interface SubscribeReply extends Position, Partial<Members> {
  readonly channel: string;
  /** Only with `since`: whether everything missed is replayed. If false, reload your state and continue from this position. */
  readonly recovered?: boolean;
  readonly replay?: number;
  /** In this namespace slow clients only get the latest message: offsets may skip without a `gap`. */
  readonly conflated?: true;
}

export interface UnsubscribeRequest {
  readonly channel: string;
}

export interface UnsubscribeReply {
  readonly channel: string;
}

export interface PublishRequest {
  readonly channel: string;
  readonly data: Json;
  /** Publishing again with the same key within `keyWindow` stores nothing. 1–64 characters. */
  readonly key?: string | undefined;
  /**
   * The key of the previous publish to this channel on this connection: unless that one was stored, this one is refused
   * with `out_of_order`. So publishes can be sent without waiting for replies, and keep their order.
   */
  readonly after?: string | undefined;
}

export type PublishReply = Position;

export interface PresenceRequest {
  readonly channel: string;
}

export interface HistoryRequest {
  readonly channel: string;
  /** Only publications after this position (with `reverse`: before it). */
  readonly since?: Position | undefined;
  /** The number of publications, 1–1,000; 100 by default. */
  readonly limit?: number | undefined;
  /** Newest first. */
  readonly reverse?: boolean | undefined;
}

/** The position is the channel's current one, not that of the last publication of this page. */
export interface HistoryReply extends Position {
  readonly publications: readonly Publication[];
}

export interface RefreshRequest {
  readonly token: string;
}

export interface RefreshReply {
  /** Milliseconds until the new token expires; absent if it does not expire. */
  readonly expires?: number;
}

export type PingReply = Record<string, never>;

/** The requests of a client, and their replies. */
export interface Requests {
  connect: { data: ConnectRequest; reply: Welcome };
  subscribe: { data: SubscribeRequest; reply: SubscribeReply };
  unsubscribe: { data: UnsubscribeRequest; reply: UnsubscribeReply };
  publish: { data: PublishRequest; reply: PublishReply };
  presence: { data: PresenceRequest; reply: Members };
  history: { data: HistoryRequest; reply: HistoryReply };
  refresh: { data: RefreshRequest; reply: RefreshReply };
  ping: { data: undefined; reply: PingReply };
}

export type RequestEvent = keyof Requests;

/** Why a client should open another connection. */
export type ReconnectReason = 'draining' | 'age' | 'overloaded';

/** Why the gateway ended a subscription. */
export type UnsubscribedCode = 'kicked' | 'token_expired' | 'forbidden';

/** The events that the gateway sends without a request. */
export interface Notices {
  welcome: Welcome;
  message: Message;
  join: { readonly channel: string; readonly member: Member };
  leave: { readonly channel: string; readonly member: Member };
  members: { readonly channel: string } & Members;
  /** Messages before this position were lost: reload your state and continue from this position. */
  gap: { readonly channel: string } & Position;
  /** Open another connection within this many ms. */
  reconnect: { readonly within: number; readonly reason: ReconnectReason };
  unsubscribed: { readonly channel: string; readonly code: UnsubscribedCode };
}

export type NoticeEvent = keyof Notices;
