import { randomBytes } from 'node:crypto';
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
import { noLosses, type BrokerStats } from '../broker-stats.js';
import { CallDeadlines } from '../call-deadlines.js';
import { BrokerUnavailableError, KeyConflictError } from '../errors.js';
import { shieldedEvents } from '../shielded-events.js';
import { sortedPage } from '../sorted-page.js';
import { steadyNow } from '../steady-clock.js';
import type { Fold } from './fold/fold.js';
import type { Outcome } from './fold/outcome.js';
import type { LogAdapter } from './log-adapter.js';
import type { Partition } from './partition/partition.js';
import { Pod } from './pod/pod.js';
import type { Share } from './pod/share.js';
import { nothing, written } from './pod/record.js';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from './settings.js';

const NOT_RUNNING = 'the broker is not running';
/** Bytes of an entry that are left for everything of a publication but its payload. */
const PAYLOAD_OVERHEAD = 4_096;

/**
 * A broker on a partitioned log. Every pod reads the whole log and comes to the same state, so all of them give the same offsets, and
 * answer reads from their own memory. What a call does is known when its own record is read back.
 */
export class LogBroker implements Broker {
  readonly #adapter: LogAdapter;
  readonly #settings: LogSettings;
  readonly #deadlines = new CallDeadlines((error) => this.#events?.onFault(error));
  readonly #noEpoch = randomBytes(9).toString('base64url');
  #noEpochs = 0;
  #events: BrokerEvents | undefined;
  #pod: Pod | undefined;

  constructor(adapter: LogAdapter, settings: Partial<LogSettings> = {}) {
    this.#adapter = adapter;
    this.#settings = { ...DEFAULT_LOG_SETTINGS, ...settings };
  }

  get capabilities(): BrokerCapabilities {
    const { maxEntry, replay } = this.#adapter.traits;
    const { window } = this.#settings;
    return {
      history: true,
      presence: true,
      idempotency: true,
      maxHistoryTtl: window,
      maxKeyWindow: window,
      // Unknown until the log has been opened.
      maxPayload: maxEntry === 0 ? Infinity : Math.max(maxEntry - PAYLOAD_OVERHEAD, 0),
      durablePositions: replay,
      sharedHistory: replay,
      plainMessages: true,
    };
  }

  async start(events: BrokerEvents): Promise<void> {
    this.#events = shieldedEvents(events);
    const pod = new Pod(this.#adapter, this.#settings, this.#events);
    this.#pod = pod;
    pod.start();
  }

  async close(): Promise<void> {
    const pod = this.#pod;
    this.#pod = undefined;
    await pod?.close();
    this.#events = undefined;
  }

  health(): BrokerHealth {
    const reason = this.#pod === undefined ? NOT_RUNNING : this.#pod.problem;
    return reason === undefined ? { status: 'up' } : { status: 'down', reason };
  }

  async stats(): Promise<BrokerStats> {
    const { window, windowBytes } = this.#settings;
    const none = { memory: { bytes: 0, maxBytes: windowBytes }, log: { window, losses: noLosses(), partitions: [] } };
    return this.#pod?.stats() ?? { reconnects: 0, ...none };
  }

  now(): number {
    return this.#pod?.now() ?? steadyNow();
  }

  async subscribe(channel: string, stream: StreamOptions): Promise<Position> {
    return this.#write(async ({ subscriptions }) => subscriptions.subscribe(channel, stream));
  }

  async unsubscribe(channel: string): Promise<void> {
    return this.#write(async ({ subscriptions }) => subscriptions.unsubscribe(channel));
  }

  async publish({ channel, payload, stream, idempotency }: PublishRequest): Promise<PublishResult> {
    return this.#write(async (pod) => {
      const { partition } = pod.share(channel);
      const record = { kind: 'publish', channel, payload, stream, idempotency } as const;
      return written(partition, record, (outcome) => resultOf(outcome, partition));
    });
  }

  async history(channel: string, query: HistoryQuery): Promise<History> {
    return this.#read(async (pod) => {
      const share = pod.share(channel);
      const known = this.#knownHistory(pod, share, channel, query);
      if (known !== undefined) return known;
      return this.#history(pod, share, await share.partition.current(), channel, query);
    });
  }

  async channels({ prefix = '', after = '', limit }: ChannelsQuery): Promise<readonly string[]> {
    return this.#read(async (pod) => {
      if (pod.problem !== undefined) throw new BrokerUnavailableError(pod.problem);
      const folds = await Promise.all(pod.shares.map(async ({ partition }) => partition.current()));
      return sortedPage(openChannels(folds), prefix, after, limit);
    });
  }

  async join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange> {
    return this.#write(async (pod) => pod.share(channel).members.presence.join(channel, member, holder));
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    return this.#write(async (pod) => pod.share(channel).members.presence.leave(channel, client, holder));
  }

  async members(channel: string, query: MembersQuery): Promise<MemberList> {
    return this.#read(async (pod) => pod.share(channel).members.presence.members(channel, query));
  }

  async register(connection: RegisteredConnection): Promise<void> {
    return this.#write(async (pod) => pod.share(connection.user).members.connections.register(connection));
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    return this.#write(async (pod) => pod.share(user).members.connections.unregister(user, client, holder));
  }

  async connections(user: string): Promise<readonly RegisteredConnection[]> {
    return this.#read(async (pod) => {
      const fold = await pod.share(user).partition.current();
      return [...(fold.connections.get(user)?.values() ?? [])].map(({ value }) => value);
    });
  }

  async signal(signal: string): Promise<void> {
    return this.#write(async (pod) => written(pod.firstShare().partition, { kind: 'signal', signal }, nothing));
  }

  /** A resume needs no look at the log if it comes from this pod's past: what follows is delivered. */
  #knownHistory(pod: Pod, share: Share, name: string, query: HistoryQuery): History | undefined {
    const { since, reverse = false } = query;
    const { fold } = share.partition;
    if (since === undefined || reverse || fold === undefined || !pod.subscriptions.isActive(name)) return undefined;
    const channel = fold.channels.get(name, fold.time.now);
    if (channel?.epoch(fold.era) !== since.epoch || since.offset > channel.offset) return undefined;
    return this.#history(pod, share, fold, name, query);
  }

  #history(pod: Pod, { clock }: Share, fold: Fold, name: string, query: HistoryQuery): History {
    // Without a clock of the server, the pod that writes the next entry decides how late it is.
    const now = this.#adapter.traits.clock ? Math.max(fold.time.now, clock.now()) : fold.time.now;
    const channel = fold.channels.get(name, now);
    if (channel !== undefined) return pod.window.history(channel, channel.epoch(fold.era), query, now);
    this.#noEpochs += 1;
    const epoch = `${this.#noEpoch}.${this.#noEpochs.toString(36)}`;
    return { epoch, offset: 0, publications: [], complete: query.since === undefined };
  }

  async #read<T>(work: (pod: Pod) => Promise<T>): Promise<T> {
    const pod = this.#running();
    return this.#deadlines.reading(async () => work(pod));
  }

  async #write<T>(work: (pod: Pod) => Promise<T>): Promise<T> {
    const pod = this.#running();
    return this.#deadlines.writing(async () => work(pod));
  }

  #running(): Pod {
    if (this.#pod === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#pod;
  }
}

/** @throws KeyConflictError */
function resultOf(outcome: Outcome, { era }: Partition): PublishResult {
  if (outcome.kind === 'stored') {
    return { epoch: outcome.channel.epoch(era), offset: outcome.publication.offset, duplicate: false };
  }
  if (outcome.kind === 'duplicate') return { epoch: outcome.epoch, offset: outcome.offset, duplicate: true };
  if (outcome.kind === 'conflict') throw new KeyConflictError('the key was used before with different data');
  throw new TypeError(`unexpected outcome of a publish: ${outcome.kind}`);
}

function* openChannels(folds: readonly Fold[]): Generator<string> {
  for (const { channels } of folds)
    for (const { name, openCount } of channels.map.values()) if (openCount > 0) yield name;
}
