import {
  MemoryBroker,
  type Broker,
  type BrokerEvents,
  type BrokerHealth,
  type BrokerStats,
  type RegisteredConnection,
  type History,
  type HistoryQuery,
  type ChannelMember,
  type MemberList,
  type MembershipChange,
  type Position,
  type StoredPublication,
  type PublishRequest,
  type PublishResult,
  type StreamOptions,
} from '@holdfast/broadcast';

export const EPOCH = 'E';

/** What a broker stores for `{"n": offset}`. */
export function publication(offset: number): StoredPublication {
  return { offset, time: 1_000 + offset, payload: `{"data":{"n":${offset}}}` };
}

/** The publications `first` to `last` of the stream. */
export function publications(first: number, last: number): StoredPublication[] {
  return Array.from({ length: last - first + 1 }, (_, index) => publication(first + index));
}

export interface Call<T> {
  readonly channel: string;
  resolve(result: T): void;
  reject(error: Error): void;
}

/** A broker that does nothing by itself: the test answers each subscribe and history, and sends all events. */
export class ScriptedBroker implements Broker {
  readonly capabilities = new MemoryBroker().capabilities;
  /** Calls that the test has not answered yet, oldest first. */
  readonly subscribes: Call<Position>[] = [];
  readonly histories: (Call<History> & { readonly query: HistoryQuery })[] = [];
  readonly joins: Call<void>[] = [];
  /** The calls of subscribe and unsubscribe, in order. */
  readonly log: string[] = [];
  /** Clients that joined and have not left. A join takes effect when it is answered: after a leave that comes first. */
  readonly present = new Set<string>();
  readonly memberLists: Call<MemberList>[] = [];
  /** Whether lists of members wait for the test's answer. */
  holdMembers = false;
  /** Whether joins wait for the test's answer. */
  holdJoins = false;
  events: BrokerEvents = {
    onPublication: notStarted,
    onGap: notStarted,
    onJoin: notStarted,
    onLeave: notStarted,
    onPresenceGap: notStarted,
    onLateMembership: notStarted,
    onSignal: notStarted,
    onInvalid: notStarted,
    onNotice: notStarted,
    onPlainRefused: notStarted,
    onFault: notStarted,
  };

  async start(events: BrokerEvents): Promise<void> {
    this.events = events;
  }

  async close(): Promise<void> {}

  async stats(): Promise<BrokerStats> {
    return { reconnects: 0, memory: undefined, log: undefined };
  }

  health(): BrokerHealth {
    return { status: 'up' };
  }

  now(): number {
    return 2_000;
  }

  subscribe(channel: string, _stream: StreamOptions): Promise<Position> {
    this.log.push(`subscribe ${channel}`);
    return queued(this.subscribes, { channel });
  }

  async unsubscribe(channel: string): Promise<void> {
    this.log.push(`unsubscribe ${channel}`);
  }

  async publish(_request: PublishRequest): Promise<PublishResult> {
    return { epoch: EPOCH, offset: 1, duplicate: false };
  }

  history(channel: string, query: HistoryQuery): Promise<History> {
    return queued(this.histories, { channel, query });
  }

  async channels(): Promise<readonly string[]> {
    return [];
  }

  async join(channel: string, { client }: ChannelMember): Promise<MembershipChange> {
    if (this.holdJoins) await queued(this.joins, { channel });
    const changed = !this.present.has(client);
    this.present.add(client);
    return { changed, count: this.present.size };
  }

  async leave(_channel: string, client: string): Promise<MembershipChange> {
    return { changed: this.present.delete(client), count: this.present.size };
  }

  members(channel: string): Promise<MemberList> {
    if (this.holdMembers) return queued(this.memberLists, { channel });
    return Promise.resolve({ members: [], count: 0 });
  }

  async register(_connection: RegisteredConnection): Promise<void> {}

  async unregister(): Promise<void> {}

  async connections(): Promise<readonly RegisteredConnection[]> {
    return [];
  }

  async signal(): Promise<void> {}
}

function queued<T, C extends { readonly channel: string }>(calls: (Call<T> & C)[], call: C): Promise<T> {
  return new Promise((resolve, reject) => calls.push({ ...call, resolve, reject }));
}

function notStarted(): never {
  throw new Error('the broker was not started');
}
