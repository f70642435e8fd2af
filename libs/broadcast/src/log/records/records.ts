import type { ChannelMember, Idempotency, RegisteredConnection, StreamOptions } from '../../broker.js';
import type { LogOffset } from '../log-adapter.js';

/** What pods write into the log. The pod that wrote a record is known from its entry. */
export type LogRecord =
  | PublishRecord
  /** The pod subscribes to a channel. */
  | { readonly kind: 'open'; readonly channel: string; readonly stream: StreamOptions }
  /** The pod does not subscribe to a channel any more. */
  | { readonly kind: 'quit'; readonly channel: string }
  | JoinRecord
  | { readonly kind: 'leave'; readonly channel: string; readonly client: string; readonly holder: string }
  /** Removes a member that its pod does not have any more, whoever holds it there. */
  | { readonly kind: 'evict'; readonly channel: string; readonly client: string }
  | RegisterRecord
  | { readonly kind: 'unregister'; readonly user: string; readonly client: string; readonly holder: string }
  /** Removes a connection that its pod does not have any more. */
  | { readonly kind: 'expel'; readonly user: string; readonly client: string }
  | { readonly kind: 'signal'; readonly signal: string }
  /** The pod is alive. @see PodTable */
  | { readonly kind: 'beacon'; readonly rules: number }
  | DeadRecord
  /** The pod continues under another name: everything of `former` belongs to it. */
  | { readonly kind: 'rename'; readonly former: string }
  /** The pod stops: its subscriptions and connections end, and its members stay until it is declared dead. */
  | { readonly kind: 'bye' }
  /** Only to be read back. */
  | { readonly kind: 'mark' }
  | DigestRecord
  /** The pod cannot find a snapshot, and asks for one. */
  | { readonly kind: 'ask' }
  | StateRecord
  | EraRecord
  /** All pods know the rules of this version, and follow them from here on. */
  | { readonly kind: 'rules'; readonly version: number }
  /** What backends may publish directly, from here on. @see PlainPolicy */
  | { readonly kind: 'policy'; readonly policy: string }
  /** A record of a later release. */
  | { readonly kind: 'unknown'; readonly type: number };

export interface PublishRecord {
  readonly kind: 'publish';
  readonly channel: string;
  readonly payload: string;
  readonly stream: StreamOptions;
  readonly idempotency?: Idempotency | undefined;
}

export interface JoinRecord {
  readonly kind: 'join';
  readonly channel: string;
  readonly member: ChannelMember;
  readonly holder: string;
  /** Since when the holder has the client, if this restores what the log may have lost. */
  readonly since: number | undefined;
}

export interface RegisterRecord {
  readonly kind: 'register';
  readonly connection: RegisteredConnection;
  /** As {@link JoinRecord.since}. */
  readonly since: number | undefined;
}

/** A pod has sent no beacon for too long. */
export interface DeadRecord {
  readonly kind: 'dead';
  readonly pod: string;
  /** The last entry of the pod that was read; the record has no effect if there is a later one. Undefined: whatever it wrote. */
  readonly seen: number | undefined;
}

/** What the writer's history of the partition is, so that pods that have read another one notice. */
export interface DigestRecord {
  readonly kind: 'digest';
  readonly offset: LogOffset;
  readonly hash: number;
  /** Where reading may begin to find a complete snapshot, the latest first. The last one has the history that is needed. */
  readonly snapshots: readonly LogOffset[];
}

/** A part of a snapshot: the state before the entry at `asOf`. */
export interface StateRecord {
  readonly kind: 'state';
  readonly id: string;
  readonly part: number;
  readonly isLast: boolean;
  readonly asOf: LogOffset;
  readonly data: Uint8Array;
}

/**
 * The state is empty from here on. Of several pods that write one for the same reason, the first has an effect: it has none if an era
 * began at or after `cause`.
 */
export interface EraRecord {
  readonly kind: 'era';
  /** Where the writer noticed that a new era is needed. */
  readonly cause: LogOffset;
  readonly id: string;
  /** How many partitions the log has: the partition of a channel depends on it. */
  readonly partitions: number;
  /** As that of a policy record: without it, what backends publish before the next one would be refused. */
  readonly policy: string;
}

/** Before the first era of a partition. */
export const NO_ERA = '';
