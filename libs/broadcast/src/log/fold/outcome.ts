import type { ChannelMember, RegisteredConnection, StoredPublication } from '../../broker.js';
import type { ChannelState } from './channel-table.js';
import type { Removal } from './holder-table.js';

/** What a record has done. It is the same in every pod. */
export type Outcome =
  | { readonly kind: 'stored'; readonly channel: ChannelState; readonly publication: StoredPublication }
  | { readonly kind: 'duplicate'; readonly epoch: string; readonly offset: number }
  | { readonly kind: 'conflict' }
  /** A pod has subscribed to a channel. */
  | { readonly kind: 'opened'; readonly channel: ChannelState }
  | MemberOutcome
  | ConnectionOutcome
  | { readonly kind: 'signal'; readonly signal: string }
  | DeadOutcome
  | { readonly kind: 'era'; readonly id: string; /** What is gone. */ readonly channels: readonly ChannelState[] }
  /** Whether this pod has read something else than the writer; undefined if it cannot be said. */
  | { readonly kind: 'digest'; readonly differs: boolean | undefined }
  | { readonly kind: 'none' };

export interface MemberOutcome {
  readonly kind: 'member';
  /** What is announced. */
  readonly event: 'join' | 'leave' | undefined;
  readonly channel: string;
  readonly member: ChannelMember;
  /** The number of members after it. */
  readonly count: number;
  /** Whether the client belongs to the writer now. */
  readonly isOwn: boolean;
  /** Since when its holder has it. */
  readonly since: number;
}

export interface ConnectionOutcome {
  readonly kind: 'connection';
  readonly isOwn: boolean;
  readonly since: number;
  /** The number of the user's connections after it. */
  readonly count: number;
}

/** A pod was declared dead, and this is what it left behind. */
export interface DeadOutcome {
  readonly kind: 'dead';
  readonly pod: string;
  readonly members: readonly Removal<ChannelMember>[];
  readonly connections: readonly Removal<RegisteredConnection>[];
}

export const NOTHING: Outcome = { kind: 'none' };
