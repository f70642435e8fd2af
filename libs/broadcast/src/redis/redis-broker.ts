import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Broker,
  BrokerEvents,
  BrokerHealth,
  ChannelsQuery,
  RegisteredConnection,
  History,
  HistoryQuery,
  ChannelMember,
  MemberList,
  MembersQuery,
  MembershipChange,
  Position,
  PublishRequest,
  PublishResult,
  StreamOptions,
} from '../broker.js';
import { BrokerUnavailableError, KeyConflictError } from '../errors.js';
import { CallDeadlines } from '../call-deadlines.js';
import { shieldedEvents } from '../shielded-events.js';
import { steadyNow } from '../steady-clock.js';
import { sizeArgument, ttlArgument } from './client/arguments.js';
import { ChannelList } from './stores/channel-list.js';
import { ClusterTopology } from './topology/cluster-topology.js';
import { positionIn, RedisInput } from './input.js';
import { Keyspace, SIGNALS_TAG } from './keyspace.js';
import { PodIndex } from '../membership/pod-index.js';
import { PodLease } from '../membership/pod-lease.js';
import { PodStore, UNSWEPT_TTL } from './stores/pod-store.js';
import { Presence } from './stores/presence-store.js';
import { RecentBudget } from '../delivery/recent-publications.js';
import type { NodeEvents } from './topology/redis-node.js';
import { ConnectionRegistry } from './stores/connection-store.js';
import { Router } from './topology/router.js';
import { SCRIPTS } from './scripts/index.js';
import { SignalListener } from './pubsub/signal-listener.js';
import { SingleTopology } from './topology/single-topology.js';
import { StreamReader } from '../delivery/history-reader.js';
import { Subscriptions } from '../delivery/subscriptions.js';
import type { Topology } from './topology/topology.js';
import { Touches } from './pubsub/attachments.js';
import { Upkeep } from '../membership/upkeep.js';
import { presentSettings } from './url.js';

const NOT_RUNNING = 'the Redis broker is not running';

/** ms that a closing pod gives a server that does not answer. */
const CLOSE_TIMEOUT = 2_000;

/**
 * Keeps everything in a Redis: one server, a primary with sentinels, or a cluster. After a failure of any of them it comes
 * back by itself, and whatever a subscriber may have lost is told.
 */
export class RedisBroker implements Broker {
  readonly capabilities = { history: true, presence: true, idempotency: true };
  readonly #names: Keyspace;
  readonly #topology: Topology;
  readonly #router: Router;
  readonly #reader: StreamReader;
  readonly #subscriptions: Subscriptions;
  readonly #signals: SignalListener;
  readonly #index: PodIndex;
  readonly #presence: Presence;
  readonly #registry: ConnectionRegistry;
  readonly #pods: PodStore;
  readonly #lease: PodLease;
  readonly #upkeep: Upkeep;
  readonly #channels: ChannelList;
  readonly #input = new RedisInput((kind, name) => this.#events?.onInvalid(kind, name));
  readonly #calls = new CallDeadlines((error) => this.#events?.onFault(error));
  readonly #epochPrefix = randomBytes(12).toString('base64url');
  readonly #replicationIds = new Set<string>();
  #epochs = 0;
  #lead = 0;
  #events: BrokerEvents | undefined;

  /**
   * @param url tells the present one: new connections take credentials and TLS from it, all else stays as it was first.
   * @throws BrokerUrlError
   */
  constructor(url: () => string) {
    const settings = presentSettings(url);
    const pod = randomBytes(9).toString('base64url');
    const clustered = settings.mode === 'cluster';
    this.#names = new Keyspace(settings.prefix, settings.db, clustered);
    const nodeEvents = this.#nodeEvents();
    this.#topology = clustered
      ? new ClusterTopology(settings, this.#names, pod, nodeEvents, () => this.#attach())
      : new SingleTopology(settings, this.#names, pod, nodeEvents);
    this.#router = new Router(this.#topology, this.#input);
    const nextEpoch = (): string => this.#nextEpoch();
    this.#reader = new StreamReader(this.#router, this.#names, this.#input, nextEpoch);
    const touches = new Touches(this.#topology, this.#router, this.#names, this.#input, nextEpoch);
    this.#subscriptions = new Subscriptions(this.#topology, touches, {
      events: this.#brokerEvents(),
      reader: this.#reader,
      budget: new RecentBudget(),
      now: () => this.now(),
    });
    this.#signals = new SignalListener(this.#topology, this.#names);
    this.#pods = new PodStore(this.#router, this.#names, pod, this.#input);
    this.#index = new PodIndex(this.#pods);
    const membership = {
      router: this.#router,
      names: this.#names,
      index: this.#index,
      pod,
      ttl: UNSWEPT_TTL,
      now: (): number => this.now(),
    };
    this.#presence = new Presence(membership, this.#input, (...belated) => this.#events?.onLateMembership(...belated));
    this.#registry = new ConnectionRegistry(membership, this.#input);
    this.#upkeep = new Upkeep({
      pod,
      store: this.#pods,
      index: this.#index,
      holdings: [this.#presence.holdings, this.#registry.holdings],
      onRestored: () => this.#subscriptions.doubtPresence(),
    });
    this.#lease = new PodLease(this.#pods, {
      onForgotten: () => this.#subscriptions.compareAll(),
      onLost: (isFirst) => this.#upkeep.lost(isFirst),
      onDead: (pods) => this.#upkeep.sweep(pods),
    });
    this.#channels = new ChannelList(this.#router, this.#names, this.#pods, this.#input);
  }

  async start(events: BrokerEvents): Promise<void> {
    this.#events = shieldedEvents(events);
    this.#topology.start();
    this.#subscriptions.start();
    this.#lease.start();
    this.#upkeep.start();
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
    // From here on everything fails at once.
    await this.#topology.close();
    await released;
  }

  health(): BrokerHealth {
    const reason = this.#events === undefined ? NOT_RUNNING : (this.#topology.problem ?? this.#lease.problem);
    return reason === undefined ? { status: 'up' } : { status: 'down', reason };
  }

  now(): number {
    return steadyNow() + this.#lead;
  }

  async subscribe(channel: string, stream: StreamOptions): Promise<Position> {
    return this.#write(async () => {
      const position = await this.#subscriptions.subscribe(channel, stream);
      this.#list(channel);
      return position;
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    return this.#write(async () => {
      await this.#subscriptions.unsubscribe(channel);
      this.#list(channel);
    });
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    return this.#write(async () => this.#publish(request));
  }

  async history(channel: string, query: HistoryQuery): Promise<History> {
    return this.#read(async () => {
      const stream = this.#subscriptions.stream(channel);
      return stream === undefined ? (await this.#reader.shared(channel, query)).history : stream.history(query);
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
    return this.#write(async () => this.#registry.register(connection));
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    return this.#write(async () => this.#registry.unregister(user, client, holder));
  }

  async connections(user: string): Promise<readonly RegisteredConnection[]> {
    return this.#read(async () => {
      const alive = this.#pods.alive().then((pods) => (pod: string) => pods.has(pod));
      return this.#registry.connections(user, alive);
    });
  }

  async signal(signal: string): Promise<void> {
    return this.#write(async () => {
      const { publishCommand, signals } = this.#names;
      await this.#router.command(SIGNALS_TAG, publishCommand.toLowerCase(), signals, signal);
    });
  }

  async #publish({ channel, payload, stream, idempotency }: PublishRequest): Promise<PublishResult> {
    const names = this.#names;
    const keys = [names.meta(channel), names.log(channel)];
    if (idempotency !== undefined) keys.push(names.idempotencyKey(channel, idempotency));
    const answer = await this.#router.run({
      tag: channel,
      script: SCRIPTS.PUBLISH,
      keys,
      args: [
        this.#nextEpoch(),
        names.publishCommand,
        names.pubSubChannel(channel),
        payload,
        sizeArgument(stream.historySize),
        ttlArgument(stream.historyTtl),
        ttlArgument(stream.positionTtl),
        idempotency?.fingerprint ?? '',
        ttlArgument(idempotency?.window ?? 0),
      ],
      confirmed: true,
    });
    const [outcome] = Array.isArray(answer) ? (answer as unknown[]) : [];
    if (outcome === 'conflict') throw new KeyConflictError('the key was used before with other data');
    const position = positionIn(answer);
    if (position === undefined) throw this.#input.badAnswer(channel);
    this.#subscriptions.published(channel, position);
    return { ...position, duplicate: outcome === 'duplicate' };
  }

  /**
   * The members stay for as long as the lease: clients of a pod that goes come back elsewhere under their sessions, and the
   * others are swept up when it ends. The channels, and the connections, are over now.
   */
  async #release(): Promise<void> {
    await Promise.all([this.#lease.close(), this.#upkeep.close()]);
    await Promise.allSettled([this.#index.withdraw(), this.#registry.withdraw()]);
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#events === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#calls.reading(work);
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#events === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#calls.writing(work);
  }

  /** Notes whether this pod is subscribed to a channel now. */
  #list(channel: string): void {
    const isActive = this.#subscriptions.stream(channel)?.active === true;
    if (isActive) this.#index.add('channels', channel);
    else this.#index.remove('channels', channel);
  }

  #nextEpoch(): string {
    this.#epochs += 1;
    return `${this.#epochPrefix}.${this.#epochs.toString(36)}`;
  }

  #attach(): void {
    if (this.#events === undefined) return;
    this.#signals.attach();
    this.#subscriptions.attach();
  }

  #nodeEvents(): NodeEvents {
    return {
      onCommandsUp: ({ replicationId }) => {
        // Another primary, or the same one started again.
        const hasLost = !this.#replicationIds.has(replicationId);
        this.#replicationIds.add(replicationId);
        this.#lease.onConnected(hasLost);
        this.#upkeep.hurry();
      },
      onSubscriberUp: () => this.#attach(),
      onMessage: (connection, wire, text) => {
        const channel = this.#names.channelOf(wire);
        if (channel !== undefined) this.#subscriptions.receive(connection, channel, text);
        else if (this.#signals.hears(connection, wire)) this.#events?.onSignal(text);
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

  /** Nothing is told once the broker is closed. */
  #brokerEvents(): BrokerEvents {
    return {
      onPublication: (channel, publication) => this.#events?.onPublication(channel, publication),
      onGap: (channel, position) => this.#events?.onGap(channel, position),
      onJoin: (channel, member) => this.#events?.onJoin(channel, member),
      onLeave: (channel, member) => this.#events?.onLeave(channel, member),
      onPresenceGap: (channel) => this.#events?.onPresenceGap(channel),
      onLateMembership: (...belated) => this.#events?.onLateMembership(...belated),
      onSignal: (signal) => this.#events?.onSignal(signal),
      onInvalid: (kind, name) => this.#events?.onInvalid(kind, name),
      onFault: (error) => this.#events?.onFault(error),
    };
  }
}
