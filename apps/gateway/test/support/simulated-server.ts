import {
  MemoryBroker,
  type Broker,
  type BrokerEvents,
  type BrokerHealth,
  type BrokerStats,
  type RegisteredConnection,
  type History,
  type HistoryQuery,
  type MemberList,
  type MembershipChange,
  type Position,
  type StoredPublication,
  type PublishRequest,
  type PublishResult,
  type StreamOptions,
} from '@holdfast/broadcast';

interface Stream {
  epoch: string;
  offset: number;
  size: number;
  log: StoredPublication[];
}

/** A point at which something waits until the test lets it proceed. */
export type Queue = 'commands' | 'answers' | 'events';

/** The streams that the simulated brokers share. */
export class SimulatedServer {
  readonly brokers: SimulatedBroker[] = [];
  private readonly streams = new Map<string, Stream>();
  private epochs = 0;

  constructor(private readonly historySize: number) {}

  stream(channel: string): Stream {
    let stream = this.streams.get(channel);
    if (stream === undefined) {
      stream = { epoch: this.nextEpoch(), offset: 0, size: this.historySize, log: [] };
      this.streams.set(channel, stream);
    }
    return stream;
  }

  publish(channel: string, payload: string): Position {
    const stream = this.stream(channel);
    stream.offset += 1;
    const publication = { offset: stream.offset, time: stream.offset, payload };
    stream.log.push(publication);
    this.trim(channel, stream.size);
    for (const broker of this.brokers) broker.deliver(channel, publication);
    return { epoch: stream.epoch, offset: stream.offset };
  }

  trim(channel: string, size: number): void {
    const { log } = this.stream(channel);
    log.splice(0, Math.max(0, log.length - size));
  }

  /** Starts a new epoch of the stream. A broker delivers nothing of it until it notices. */
  failOver(channel: string): void {
    const stream = this.stream(channel);
    Object.assign(stream, { epoch: this.nextEpoch(), offset: 0, log: [] });
    for (const broker of this.brokers) broker.lose(channel);
  }

  private nextEpoch(): string {
    this.epochs += 1;
    return `epoch-${this.epochs}`;
  }
}

/**
 * One pod's connection to the server. Nothing happens by itself: commands reach the server, replies come back,
 * and events arrive, each when the test says so, and each of the three in its own order. As with Redis,
 * the reply to a subscribe arrives with the events.
 */
export class SimulatedBroker implements Broker {
  readonly capabilities = new MemoryBroker().capabilities;
  private readonly queues: Record<Queue, (() => void)[]> = { commands: [], answers: [], events: [] };
  /** What the server sends to this pod, and for which of the pod's subscriptions. */
  private readonly feed = new Map<string, { readonly subscription: number; intact: boolean }>();
  /** The current subscription of each channel: events for an earlier one are held back. */
  private readonly subscriptions = new Map<string, number>();
  private lastSubscription = 0;
  private events: BrokerEvents | undefined;

  constructor(private readonly server: SimulatedServer) {
    server.brokers.push(this);
  }

  /** Lets the oldest waiting item proceed. Returns whether there was one. */
  step(queue: Queue): boolean {
    const happen = this.queues[queue].shift();
    happen?.();
    return happen !== undefined;
  }

  /** Lets everything that is waiting now proceed. */
  catchUp(): void {
    for (const queue of ['commands', 'answers', 'events'] as const) while (this.step(queue));
  }

  deliver(channel: string, publication: StoredPublication): void {
    if (this.feed.get(channel)?.intact === true) {
      this.event(channel, (events) => events.onPublication(channel, publication));
    }
  }

  /** From now on the pod misses what is published. */
  lose(channel: string): void {
    const feed = this.feed.get(channel);
    if (feed !== undefined) feed.intact = false;
  }

  /** The pod notices that it missed something: it delivers the gap and what follows. */
  notice(channel: string): void {
    const feed = this.feed.get(channel);
    if (feed === undefined || feed.intact) return;
    const { epoch, offset } = this.server.stream(channel);
    this.event(channel, (events) => events.onGap(channel, { epoch, offset }));
    feed.intact = true;
  }

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
    return Date.now();
  }

  subscribe(channel: string, _stream: StreamOptions): Promise<Position> {
    this.lastSubscription += 1;
    const subscription = this.lastSubscription;
    this.subscriptions.set(channel, subscription);
    return new Promise((resolve) => {
      this.queues.commands.push(() => {
        const { epoch, offset } = this.server.stream(channel);
        this.feed.set(channel, { subscription, intact: true });
        this.queues.events.push(() => resolve({ epoch, offset }));
      });
    });
  }

  unsubscribe(channel: string): Promise<void> {
    this.subscriptions.delete(channel);
    return new Promise((resolve) => {
      this.queues.commands.push(() => {
        this.feed.delete(channel);
        this.queues.answers.push(resolve);
      });
    });
  }

  async publish({ channel, payload }: PublishRequest): Promise<PublishResult> {
    return { ...this.server.publish(channel, payload), duplicate: false };
  }

  history(channel: string, { since, limit, reverse = false }: HistoryQuery): Promise<History> {
    return new Promise((resolve) => {
      this.queues.commands.push(() => {
        const { epoch, offset, log } = this.server.stream(channel);
        const known = since !== undefined && since.epoch === epoch && since.offset <= offset;
        const following = known ? log.filter((publication) => publication.offset > since.offset) : log;
        const complete = since === undefined || (known && following.length === offset - since.offset);
        const ordered = reverse ? following.toReversed() : following;
        const history = { epoch, offset, publications: ordered.slice(0, limit), complete };
        this.queues.answers.push(() => resolve(history));
      });
    });
  }

  async channels(): Promise<readonly string[]> {
    return [...this.subscriptions.keys()];
  }

  async join(): Promise<MembershipChange> {
    return { changed: false, count: 0 };
  }

  async leave(): Promise<MembershipChange> {
    return { changed: false, count: 0 };
  }

  async members(): Promise<MemberList> {
    return { members: [], count: 0 };
  }

  async register(_connection: RegisteredConnection): Promise<void> {}

  async unregister(): Promise<void> {}

  async connections(): Promise<readonly RegisteredConnection[]> {
    return [];
  }

  async signal(): Promise<void> {}

  private event(channel: string, emit: (events: BrokerEvents) => void): void {
    const subscription = this.feed.get(channel)?.subscription;
    this.queues.events.push(() => {
      if (this.events !== undefined && this.subscriptions.get(channel) === subscription) emit(this.events);
    });
  }
}
