/** What the page shows of the answers of the admin API, which docs/admin-api.md describes. */
export interface PodState {
  readonly node: string;
  readonly version: string;
  /** In ms. */
  readonly uptime: number;
  readonly now: number;
  readonly configuration: string;
  readonly stage: string;
  readonly drain: { readonly settle: number; readonly window: number };
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly overloaded: boolean;
  readonly broker: BrokerState;
  readonly connections: number;
  readonly clients: number;
  readonly users: number;
  readonly channels: number;
  readonly subscriptions: number;
  readonly limits: readonly Limit[];
  readonly totals: Totals;
  readonly slowConsumers: readonly SlowConsumer[];
}

export interface BrokerState {
  readonly kind: string;
  readonly up: boolean;
  readonly reason?: string;
  readonly now: number;
  readonly lag?: number;
  readonly reconnects: number;
  readonly lastOutage?: { readonly reason: string; readonly at: number };
  readonly memory?: { readonly used: number; readonly max: number };
  readonly partitions?: readonly Partition[];
}

export interface Partition {
  readonly partition: number;
  readonly problem?: string;
  readonly lag: number;
  readonly isBehind: boolean;
  readonly unread?: number;
}

export interface Limit {
  readonly name: string;
  readonly used: number;
  readonly max: number;
}

/** Since the pod started. */
export interface Totals {
  readonly framesIn: number;
  readonly published: number;
  readonly messagesOut: number;
  readonly conflated: number;
  readonly slowConsumers: number;
  readonly gaps: number;
}

export interface SlowConsumer {
  readonly connection: string;
  readonly client: string;
  readonly user?: string;
  /** In bytes. */
  readonly waiting: number;
}

export interface PodConnection {
  readonly id: string;
  readonly client: string;
  readonly user?: string;
  readonly address?: string;
  readonly peer?: string;
  readonly protocol?: string;
  readonly age: number;
  readonly subscriptions: number;
  readonly buffered: number;
}

export interface PodChannel {
  readonly channel: string;
  readonly subscribers: number;
  readonly rate: number;
  readonly epoch: string;
  readonly offset: number;
  readonly history?: number;
}

/** A page of a list. */
export interface ListPage<T> {
  readonly entries: readonly T[];
  /** The `after` of the next page. */
  readonly next?: string;
}

/** A user on all pods. */
export interface User {
  readonly connections: readonly UserConnection[];
  readonly blockedUntil?: number;
}

export interface UserConnection {
  readonly client: string;
  readonly node: string;
  readonly since: number;
}

export interface History {
  readonly epoch: string;
  readonly offset: number;
  readonly publications: readonly Publication[];
}

export interface Publication {
  readonly offset: number;
  readonly data: unknown;
  readonly time: number;
  readonly sender?: { readonly client: string; readonly user?: string };
}
