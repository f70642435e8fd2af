import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Broker,
  BrokerCapabilities,
  BrokerEvents,
  BrokerHealth,
  ChannelMember,
  ChannelsQuery,
  History,
  HistoryQuery,
  MemberList,
  MembershipChange,
  MembersQuery,
  Position,
  PublishRequest,
  PublishResult,
  RegisteredConnection,
  StreamOptions,
} from '../broker.js';
import type { BrokerStats } from '../broker-stats.js';
import { CallDeadlines } from '../call-deadlines.js';
import { HistoryReader } from '../delivery/history-reader.js';
import { RecentBudget } from '../delivery/recent-publications.js';
import { Subscriptions } from '../delivery/subscriptions.js';
import { BrokerUnavailableError } from '../errors.js';
import { LeasedConnections } from '../membership/leased-connections.js';
import { LeasedPresence } from '../membership/leased-presence.js';
import { PodIndex } from '../membership/pod-index.js';
import { PodLease } from '../membership/pod-lease.js';
import { Repeater } from '../membership/repeater.js';
import { Upkeep } from '../membership/upkeep.js';
import { shieldedEvents } from '../shielded-events.js';
import { steadyNow } from '../steady-clock.js';
import { PostgresAttachments } from './attachments.js';
import { Lanes } from './client/lanes.js';
import { PrimaryFinder } from './client/primary.js';
import { Feed, type FeedEvents, type FeedSource } from './feed.js';
import { Listener } from './listener.js';
import { Publisher } from './publisher.js';
import { PostgresConnectionStore } from './stores/connection-store.js';
import { PostgresHistoryStore } from './stores/history-store.js';
import { PostgresPodStore } from './stores/pod-store.js';
import { PostgresPresenceStore } from './stores/presence-store.js';
import { toStored } from './text.js';
import { presentSettings } from './url.js';

const NOT_RUNNING = 'the PostgreSQL broker is not running';

/** ms that a closing pod waits for a server that does not answer. */
const CLOSE_TIMEOUT = 2_000;

/** Connections that publish and answer calls. With the feed and the listener, a pod has two more. */
const LANES = 2;

/** ms between two rounds of upkeep of all pods. */
const UPKEEP = 20_000;

/** PostgreSQL stores up to 1 GB in a column, and a statement has to fit into that with all its publishes. */
const MAX_PAYLOAD = 256 * 2 ** 20;

/**
 * Keeps everything in a schema of a PostgreSQL database. It recovers from its failures by itself, and reports what subscribers
 * may have lost.
 */
export class PostgresBroker implements Broker {
  readonly capabilities: BrokerCapabilities = {
    history: true,
    presence: true,
    idempotency: true,
    maxHistoryTtl: Infinity,
    maxKeyWindow: Infinity,
    maxPayload: MAX_PAYLOAD,
    durablePositions: true,
    sharedHistory: true,
    plainMessages: false,
  };
  readonly #pod = randomBytes(9).toString('base64url');
  readonly #schema: string;
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  readonly #listener: Listener | undefined;
  readonly #publisher: Publisher;
  readonly #reader: HistoryReader;
  readonly #subscriptions: Subscriptions<FeedSource>;
  readonly #index: PodIndex;
  readonly #presence: LeasedPresence;
  readonly #connections: LeasedConnections;
  readonly #pods: PostgresPodStore;
  readonly #lease: PodLease;
  readonly #upkeep: Upkeep;
  readonly #retention: Repeater;
  readonly #deadlines = new CallDeadlines((error) => this.#events?.onFault(error));
  #lead = 0;
  #events: BrokerEvents | undefined;

  /**
   * @param url returns the current URL. New connections use its credentials and TLS; everything else stays as it was first.
   * @throws BrokerUrlError
   */
  constructor(url: () => string) {
    const settings = presentSettings(url);
    const { schema, listen } = settings;
    const pod = this.#pod;
    const primary = new PrimaryFinder(settings);
    this.#schema = schema;
    this.#lanes = new Lanes(
      LANES,
      async () => (await primary.open('lane')).connection,
      () => this.#connected(),
    );
    this.#feed = new Feed(schema, pod, async () => primary.open('feed'), this.#feedEvents());
    this.#listener =
      listen &&
      new Listener(schema, pod, async () => primary.listen(listen), {
        onNotified: () => this.#feed.wake(),
        onHearing: (isHearing) => {
          this.#feed.isNotified = isHearing;
        },
      });
    this.#publisher = new Publisher(
      this.#lanes,
      schema,
      (connection) => this.#listener?.notifyAfter(connection) === true,
      (isNotified) => this.#changed(isNotified),
    );

    const now = (): number => this.now();
    const attachments = new PostgresAttachments(this.#lanes, this.#feed, schema, pod);
    const renew = async (channel: string): Promise<void> => attachments.renew(channel);
    this.#reader = new HistoryReader(new PostgresHistoryStore(this.#lanes, schema, renew));
    this.#subscriptions = new Subscriptions(attachments, {
      events: this.#brokerEvents(),
      reader: this.#reader,
      budget: new RecentBudget(),
      now,
    });

    const report: BrokerEvents['onInvalid'] = (kind, name) => this.#events?.onInvalid(kind, name);
    const stores = { lanes: this.#lanes, schema, pod, report };
    const presence = new PostgresPresenceStore(stores, (...late) => {
      this.#changed();
      this.#events?.onLateMembership(...late);
    });
    this.#pods = new PostgresPodStore(stores);
    this.#index = new PodIndex(this.#pods);
    this.#presence = new LeasedPresence(presence, this.#index, now);
    this.#connections = new LeasedConnections(new PostgresConnectionStore(stores), this.#index, now);
    this.#upkeep = new Upkeep({
      pod,
      store: this.#pods,
      index: this.#index,
      entries: [this.#presence.entries, this.#connections.entries],
      onRestored: () => this.#subscriptions.doubtPresence(),
    });
    this.#lease = new PodLease(this.#pods, {
      // What the feed delivers was forgotten too.
      onForgotten: () => this.#feed.restart(),
      onLost: (isFirst) => this.#upkeep.restoreAll(isFirst),
      onDead: (pods) => this.#upkeep.sweep(pods),
    });
    this.#retention = new Repeater(async () => {
      await this.#pods.upkeep(UPKEEP).catch(() => undefined);
      return UPKEEP * (0.75 + Math.random() / 2);
    });
  }

  async start(events: BrokerEvents): Promise<void> {
    this.#events = shieldedEvents(events);
    this.#lanes.start();
    this.#feed.start();
    this.#listener?.start();
    this.#subscriptions.start();
    this.#lease.start();
    this.#upkeep.start();
    this.#retention.start();
  }

  async close(): Promise<void> {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#subscriptions.close();
    const released = this.#release();
    const patience = new AbortController();
    await Promise.race([released, sleep(CLOSE_TIMEOUT, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
    // Whatever is still running fails at once now.
    await Promise.all([this.#lanes.close(), this.#feed.close(), this.#listener?.close()]);
    await released;
  }

  health(): BrokerHealth {
    const reason =
      this.#events === undefined ? NOT_RUNNING : (this.#lanes.problem ?? this.#feed.problem ?? this.#lease.problem);
    return reason === undefined ? { status: 'up' } : { status: 'down', reason };
  }

  async stats(): Promise<BrokerStats> {
    const reconnects = this.#lanes.reconnects + this.#feed.reconnects + (this.#listener?.reconnects ?? 0);
    const isNotified = this.#listener && this.#feed.isNotified;
    const feed = { isNotified, ...this.#feed.stats, ...this.#publisher.stats };
    return { reconnects, memory: undefined, log: undefined, feed };
  }

  now(): number {
    return steadyNow() + this.#lead;
  }

  async subscribe(channel: string, stream: StreamOptions): Promise<Position> {
    return this.#write(async () => {
      const position = await this.#subscriptions.subscribe(channel, stream);
      this.#updateIndex(channel);
      return position;
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    return this.#write(async () => {
      await this.#subscriptions.unsubscribe(channel);
      this.#updateIndex(channel);
    });
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    return this.#write(async () => {
      const result = await this.#publisher.publish(request);
      this.#subscriptions.published(request.channel, result);
      return result;
    });
  }

  async history(channel: string, query: HistoryQuery): Promise<History> {
    return this.#read(async () => {
      const feed = this.#subscriptions.feed(channel);
      if (feed?.active === true) return feed.history(query);
      // A feed without subscribers may be behind, and nobody would receive what follows the answer.
      return (await this.#reader.shared(channel, query)).history;
    });
  }

  async channels(query: ChannelsQuery): Promise<readonly string[]> {
    return this.#read(async () => this.#pods.channels(query));
  }

  async join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange> {
    return this.#write(async () => this.#announced(this.#presence.join(channel, member, holder)));
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    return this.#write(async () => this.#announced(this.#presence.leave(channel, client, holder)));
  }

  async members(channel: string, query: MembersQuery): Promise<MemberList> {
    return this.#read(async () => this.#presence.members(channel, query));
  }

  async register(connection: RegisteredConnection): Promise<void> {
    return this.#write(async () => this.#connections.register(connection));
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    return this.#write(async () => this.#connections.unregister(user, client, holder));
  }

  async connections(user: string): Promise<readonly RegisteredConnection[]> {
    return this.#read(async () => this.#connections.connections(user, this.#pods.alive()));
  }

  async signal(signal: string): Promise<void> {
    return this.#write(async () => {
      const text = `insert into ${this.#schema}.event (at, kind, channel, body) values (${this.#schema}.now_1(), 's', '', $1)`;
      await this.#lanes.query(text, [toStored(signal)]);
      this.#changed();
    });
  }

  async #announced(changing: Promise<MembershipChange>): Promise<MembershipChange> {
    const change = await changing;
    if (change.changed) this.#changed();
    return change;
  }

  /** Something was stored that feeds deliver. */
  #changed(isNotified = false): void {
    this.#feed.wake();
    if (!isNotified) this.#listener?.notify();
  }

  /**
   * Members stay until the lease ends: clients of a stopped pod return elsewhere with their sessions, and the others are swept
   * then. Channels and connections end now.
   */
  async #release(): Promise<void> {
    await Promise.all([this.#lease.close(), this.#upkeep.close(), this.#retention.close()]);
    await Promise.allSettled([this.#index.withdraw(), this.#connections.withdraw(this.#pod)]);
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#events === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#deadlines.reading(work);
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#events === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#deadlines.writing(work);
  }

  /** Adds a channel to this pod's index, or removes it, depending on whether the pod is subscribed. */
  #updateIndex(channel: string): void {
    const isActive = this.#subscriptions.feed(channel)?.active === true;
    if (isActive) this.#index.add('channels', channel);
    else this.#index.remove('channels', channel);
  }

  #connected(): void {
    if (this.#events === undefined) return;
    // A server that has lost this pod's entries has also lost its lease.
    this.#lease.onConnected(false);
    this.#upkeep.retryNow();
    this.#subscriptions.reattach();
  }

  #feedEvents(): FeedEvents {
    return {
      onSource: () => {
        if (this.#events !== undefined) this.#subscriptions.reattach();
      },
      onMessage: (source, channel, message) => this.#subscriptions.receive(source, channel, message),
      onSignal: (signal) => this.#events?.onSignal(signal),
      onCut: () => this.#subscriptions.compareAll(),
      onClock: (lead) => {
        this.#lead = Math.round(lead);
      },
    };
  }

  /** Reports nothing after the broker is closed. */
  #brokerEvents(): BrokerEvents {
    return {
      onPublication: (channel, publication) => this.#events?.onPublication(channel, publication),
      onGap: (channel, position) => this.#events?.onGap(channel, position),
      onJoin: (channel, member) => this.#events?.onJoin(channel, member),
      onLeave: (channel, member) => this.#events?.onLeave(channel, member),
      onPresenceGap: (channel) => this.#events?.onPresenceGap(channel),
      onLateMembership: (...late) => this.#events?.onLateMembership(...late),
      onSignal: (signal) => this.#events?.onSignal(signal),
      onInvalid: (kind, name) => this.#events?.onInvalid(kind, name),
      onNotice: (notice) => this.#events?.onNotice(notice),
      onPlainRefused: (...refused) => this.#events?.onPlainRefused(...refused),
      onFault: (error) => this.#events?.onFault(error),
    };
  }
}
