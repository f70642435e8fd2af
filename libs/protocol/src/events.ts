/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * A place in a channel's stream. Offsets count from 1 by 1 within an epoch; a position names the last offset that is
 * accounted for, so a stream without publications is at offset 0.
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

/** One subscribed client, as presence shows it. `info` is the token's claim of that name. */
export interface Member {
  readonly client: string;
  readonly user?: string;
  readonly info?: Json;
}

/** `count` is exact within the lease time, `members` is capped. */
export interface Members {
  readonly members: readonly Member[];
  readonly count: number;
}

/** A publication as the history holds it. */
export interface Publication {
  readonly offset: number;
  readonly data: Json;
  /** The broker's clock, in ms since the Unix epoch. */
  readonly time: number;
  /** Absent where the HTTP API published. */
  readonly sender?: Sender;
  readonly key?: string;
}

export interface Message extends Publication {
  readonly channel: string;
}

export interface Welcome {
  /** The client's public id: the hash of `session` and `user`. */
  readonly client: string;
  /** A secret of 32 characters of base64url: who presents it when connecting takes over the client id. */
  readonly session: string;
  /** Absent for an anonymous connection. */
  readonly user?: string;
  /** The pod that answered. */
  readonly node: string;
  /** Send `ping` after this many ms without a frame from the gateway. */
  readonly ping: number;
  /** The largest frame that the gateway takes, in bytes. */
  readonly maxPayload: number;
  /** For how many ms a publish may be retried under its key. */
  readonly keyWindow: number;
  /** In so many ms the token expires; absent where it does not. */
  readonly expires?: number;
}

export interface ConnectRequest {
  readonly token: string;
  readonly session?: string | undefined;
}

export interface SubscribeRequest {
  readonly channel: string;
  /** Resume: replay what followed this position. Not together with `last`. */
  readonly since?: Position | undefined;
  /** Replay up to so many recent messages, 1–1,000. */
  readonly last?: number | undefined;
  /** Answer with the members, and tell of joins and leaves. */
  readonly presence?: boolean | undefined;
  /** A subscription token for this channel. */
  readonly token?: string | undefined;
}

/** `replay` messages follow the reply as ordinary `message` frames; `offset` is that of the last of them. */
export interface SubscribeReply extends Position, Partial<Members> {
  readonly channel: string;
  /** Only after a `since`: whether everything missed is replayed. Where false, reload your state and go on from here. */
  readonly recovered?: boolean;
  readonly replay?: number;
  /** This namespace keeps only the latest message under pressure: offsets may skip without a `gap`. */
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
  /** Publishing again under the same key within `keyWindow` stores nothing. 1–64 characters. */
  readonly key?: string | undefined;
}

export type PublishReply = Position;

export interface PresenceRequest {
  readonly channel: string;
}

export interface HistoryRequest {
  readonly channel: string;
  /** Only what followed this position (with `reverse`: came before it). */
  readonly since?: Position | undefined;
  /** 1–1,000 publications, 100 where it is not given. */
  readonly limit?: number | undefined;
  /** Newest first. */
  readonly reverse?: boolean | undefined;
}

/** The position is the channel's present one, not that of the last publication of this page. */
export interface HistoryReply extends Position {
  readonly publications: readonly Publication[];
}

export interface RefreshRequest {
  readonly token: string;
}

export interface RefreshReply {
  /** In so many ms the new token expires; absent where it does not. */
  readonly expires?: number;
}

export type PingReply = Record<string, never>;

/** What a client sends, and what it is answered. */
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

/** Why a subscription ended without the client's asking. */
export type UnsubscribedCode = 'kicked' | 'token_expired' | 'forbidden';

/** What the gateway sends on its own. */
export interface Notices {
  welcome: Welcome;
  message: Message;
  join: { readonly channel: string; readonly member: Member };
  leave: { readonly channel: string; readonly member: Member };
  members: { readonly channel: string } & Members;
  /** Something before this position is lost to you: reload your state and go on from here. */
  gap: { readonly channel: string } & Position;
  /** Open another connection within so many ms. */
  reconnect: { readonly within: number; readonly reason: ReconnectReason };
  unsubscribed: { readonly channel: string; readonly code: UnsubscribedCode };
}

export type NoticeEvent = keyof Notices;
