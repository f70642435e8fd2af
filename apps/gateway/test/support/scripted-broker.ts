import type {
  Broker,
  BrokerEvents,
  BrokerHealth,
  Connection,
  History,
  HistoryQuery,
  Member,
  Members,
  Position,
  Publication,
  PublishRequest,
  PublishResult,
  StreamOptions,
} from '@holdfast/broadcast';

export const EPOCH = 'E';

/** What a broker stores of `{"n": offset}`. */
export function publication(offset: number): Publication {
  return { offset, time: 1_000 + offset, payload: `{"data":{"n":${offset}}}` };
}

/** The stream's publications `first` to `last`. */
export function publications(first: number, last: number): Publication[] {
  return Array.from({ length: last - first + 1 }, (_, index) => publication(first + index));
}

export interface Call<T> extends PromiseWithResolvers<T> {
  readonly channel: string;
}

/** A broker that does nothing by itself: the test answers each subscribe and history, and tells what it pleases. */
export class ScriptedBroker implements Broker {
  readonly capabilities = { history: true, presence: true, idempotency: true };
  /** Calls that the test has not answered yet, the oldest first. */
  readonly subscribes: Call<Position>[] = [];
  readonly histories: (Call<History> & { readonly query: HistoryQuery })[] = [];
  readonly joins: Call<void>[] = [];
  /** What was called about subscriptions and members, in order. */
  readonly log: string[] = [];
  /** Whether joins wait for the test. */
  holdJoins = false;
  tell: BrokerEvents = {
    onPublication: notStarted,
    onGap: notStarted,
    onJoin: notStarted,
    onLeave: notStarted,
    onSignal: notStarted,
  };

  async start(events: BrokerEvents): Promise<void> {
    this.tell = events;
  }

  async close(): Promise<void> {}

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

  join(channel: string, { client }: Member, holder: string): Promise<void> {
    this.log.push(`join ${channel} ${client} ${holder}`);
    return this.holdJoins ? queued(this.joins, { channel }) : Promise.resolve();
  }

  async leave(channel: string, client: string, holder: string): Promise<void> {
    this.log.push(`leave ${channel} ${client} ${holder}`);
  }

  async members(): Promise<Members> {
    return { members: [], count: 0 };
  }

  async register(_connection: Connection): Promise<void> {}

  async unregister(): Promise<void> {}

  async connections(): Promise<readonly Connection[]> {
    return [];
  }

  async signal(): Promise<void> {}
}

function queued<T, C extends object>(calls: (PromiseWithResolvers<T> & C)[], call: C): Promise<T> {
  const deferred = Promise.withResolvers<T>();
  calls.push({ ...deferred, ...call });
  return deferred.promise;
}

function notStarted(): never {
  throw new Error('the broker was not started');
}
