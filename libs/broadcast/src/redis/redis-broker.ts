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
import { Upkeep } from '../membership/upkeep.js';
import { allowsPlain, type PlainSettings } from '../plain-messages.js';
import { shieldedEvents } from '../shielded-events.js';
import { steadyNow } from '../steady-clock.js';
import type { Connection } from './client/connection.js';
import { RedisInbox } from './inbox.js';
import { RedisInput } from './input.js';
import { Keyspace, SIGNALS_TAG } from './keyspace.js';
import { Publisher } from './publisher.js';
import { RedisAttachments } from './pubsub/redis-attachments.js';
import { parseMessage } from './pubsub/message.js';
import { SignalListener } from './pubsub/signal-listener.js';
import { ChannelList } from './stores/channel-list.js';
import { RedisConnectionStore } from './stores/connection-store.js';
import { RedisHistoryStore } from './stores/history-store.js';
import { RedisInboxStore } from './stores/inbox-store.js';
import { RedisPodStore } from './stores/pod-store.js';
import { RedisPresenceStore } from './stores/presence-store.js';
import { ClusterTopology } from './topology/cluster-topology.js';
import type { NodeEvents } from './topology/redis-node.js';
import { Router } from './topology/router.js';
import { SingleTopology } from './topology/single-topology.js';
import type { Topology } from './topology/topology.js';
import { presentSettings } from './url.js';

const NOT_RUNNING = 'the Redis broker is not running';

/** ms that a closing pod waits for a server that does not answer. */
const CLOSE_TIMEOUT = 2_000;

/** `proto-max-bulk-len` by default, the largest argument that Redis accepts, less what a stored entry adds to the payload. */
const MAX_PAYLOAD = 512 * 2 ** 20 - 1_024;

/**
 * Keeps everything in Redis: one server, a primary with sentinels, or a cluster. It recovers from their failures by itself, and
 * reports what subscribers may have lost.
 */
export class RedisBroker implements Broker {
  readonly capabilities: BrokerCapabilities = {
    history: true,
    presence: true,
    idempotency: true,
    maxHistoryTtl: Infinity,
    maxKeyWindow: Infinity,
    maxPayload: MAX_PAYLOAD,
    durablePositions: true,
    sharedHistory: true,
    plainMessages: true,
  };
  readonly #pod = randomBytes(9).toString('base64url');
  readonly #keyspace: Keyspace;
  readonly #topology: Topology;
  readonly #router: Router;
  readonly #reader: HistoryReader;
  readonly #subscriptions: Subscriptions<Connection>;
  readonly #signals: SignalListener;
  readonly #index: PodIndex;
  readonly #presence: LeasedPresence;
  readonly #connections: LeasedConnections;
  readonly #pods: RedisPodStore;
  readonly #lease: PodLease;
  readonly #upkeep: Upkeep;
  readonly #channels: ChannelList;
  readonly #publisher: Publisher;
  readonly #inbox: RedisInbox | undefined;
  readonly #input = new RedisInput((kind, name) => this.#events?.onInvalid(kind, name));
  readonly #deadlines = new CallDeadlines((error) => this.#events?.onFault(error));
  readonly #epochPrefix = randomBytes(12).toString('base64url');
  readonly #replicationIds = new Set<string>();
  #epochs = 0;
  #lead = 0;
  #reconnects = 0;
  /** Of the server that was connected to last: the nodes of a cluster are usually configured alike. */
  #evictionPolicy: string | undefined;
  #events: BrokerEvents | undefined;

  /**
   * @param url returns the current URL. New connections use its credentials and TLS; everything else stays as it was first.
   * @param plain what backends may publish to the inbox.
   * @throws BrokerUrlError
   */
  constructor(url: () => string, plain?: PlainSettings) {
    const settings = presentSettings(url);
    const pod = this.#pod;
    const clustered = settings.mode === 'cluster';
    const keyspace = new Keyspace(settings.prefix, settings.db, clustered);
    const nodeEvents = this.#nodeEvents();
    const input = this.#input;
    this.#keyspace = keyspace;
    this.#topology = clustered
      ? new ClusterTopology(settings, keyspace, pod, nodeEvents, () => this.#reattach())
      : new SingleTopology(settings, keyspace, pod, nodeEvents);
    const router = new Router(this.#topology, input);
    this.#router = router;

    const nextEpoch = (): string => this.#nextEpoch();
    const now = (): number => this.now();
    this.#reader = new HistoryReader(new RedisHistoryStore(router, keyspace, input, nextEpoch));
    this.#subscriptions = new Subscriptions(new RedisAttachments(this.#topology, router, keyspace, input, nextEpoch), {
      events: this.#brokerEvents(),
      reader: this.#reader,
      budget: new RecentBudget(),
      now,
    });
    this.#signals = new SignalListener(this.#topology, keyspace);

    const stores = { router, keyspace, input, pod };
    const presence = new RedisPresenceStore(stores, (...late) => this.#events?.onLateMembership(...late));
    this.#pods = new RedisPodStore(stores);
    this.#index = new PodIndex(this.#pods);
    this.#presence = new LeasedPresence(presence, this.#index, now);
    this.#connections = new LeasedConnections(new RedisConnectionStore(stores), this.#index, now);
    this.#channels = new ChannelList(stores, this.#pods);
    this.#publisher = new Publisher(stores, nextEpoch, (...published) => this.#subscriptions.published(...published));
    if (plain !== undefined && allowsPlain(plain)) {
      this.#inbox = new RedisInbox({
        store: new RedisInboxStore(stores, plain.policy.maxPayload),
        publisher: this.#publisher,
        plain,
        events: this.#brokerEvents(),
      });
    }
    this.#upkeep = new Upkeep({
      pod,
      store: this.#pods,
      index: this.#index,
      entries: [this.#presence.entries, this.#connections.entries],
      onRestored: () => this.#subscriptions.doubtPresence(),
    });
    this.#lease = new PodLease(this.#pods, {
      onForgotten: () => this.#subscriptions.compareAll(),
      onLost: (isFirst) => this.#upkeep.restoreAll(isFirst),
      onDead: (pods) => this.#upkeep.sweep(pods),
    });
  }

  async start(events: BrokerEvents): Promise<void> {
    this.#events = shieldedEvents(events);
    this.#topology.start();
    this.#subscriptions.start();
    this.#lease.start();
    this.#upkeep.start();
    this.#inbox?.start();
  }

  async close(): Promise<void> {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#subscriptions.close();
    this.#signals.close();
    const released = this.#release();
    const patience = new AbortController();
    await Promise.race([released, sleep(CLOSE_TIMEOUT, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
    // Whatever is still running fails at once now.
    await this.#topology.close();
    await released;
  }

  health(): BrokerHealth {
    const reason = this.#events === undefined ? NOT_RUNNING : (this.#topology.problem ?? this.#lease.problem);
    return reason === undefined ? { status: 'up' } : { status: 'down', reason };
  }

  async stats(): Promise<BrokerStats> {
    return {
      reconnects: this.#reconnects,
      memory: undefined,
      log: undefined,
      evictionPolicy: this.#evictionPolicy,
    };
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
    return this.#write(async () => this.#publisher.publish(request));
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
    return this.#read(async () => this.#channels.page(query));
  }

  async join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange> {
    return this.#write(async () => this.#presence.join(channel, member, holder));
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    return this.#write(async () => this.#presence.leave(channel, client, holder));
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
      const { publishCommand, signals } = this.#keyspace;
      await this.#router.command(SIGNALS_TAG, publishCommand.toLowerCase(), signals, signal);
    });
  }

  /**
   * Members stay until the lease ends: clients of a stopped pod return elsewhere with their sessions, and the others are swept
   * then. Channels and connections end now.
   */
  async #release(): Promise<void> {
    await Promise.all([this.#lease.close(), this.#upkeep.close(), this.#inbox?.close()]);
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

  #nextEpoch(): string {
    this.#epochs += 1;
    return `${this.#epochPrefix}.${this.#epochs.toString(36)}`;
  }

  #reattach(): void {
    if (this.#events === undefined) return;
    this.#signals.attach();
    this.#subscriptions.reattach();
  }

  #nodeEvents(): NodeEvents {
    return {
      onCommandsUp: ({ traits: { replicationId, evictionPolicy } }) => {
        this.#setEvictionPolicy(evictionPolicy);
        // Another primary, or the same one after a restart.
        const hasLost = !this.#replicationIds.has(replicationId);
        this.#replicationIds.add(replicationId);
        this.#lease.onConnected(hasLost);
        this.#upkeep.retryNow();
      },
      onSubscriberUp: () => this.#reattach(),
      onReconnected: () => {
        this.#reconnects += 1;
      },
      onMessage: (connection, pubSubChannel, text) => {
        const channel = this.#keyspace.channelOf(pubSubChannel);
        if (channel !== undefined) this.#subscriptions.receive(connection, channel, parseMessage(text));
        else if (this.#signals.isSignal(connection, pubSubChannel)) this.#events?.onSignal(text);
      },
      onSlotsMoved: (connection) => {
        this.#signals.doubt(connection);
        this.#subscriptions.doubt(connection);
      },
      onClock: (lead) => {
        this.#lead = Math.round(lead);
      },
      onFault: (error) => this.#events?.onFault(error),
    };
  }

  #setEvictionPolicy(policy: string | undefined): void {
    if (policy !== undefined && policy !== this.#evictionPolicy) this.#events?.onNotice({ kind: 'evicts', policy });
    this.#evictionPolicy = policy;
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
