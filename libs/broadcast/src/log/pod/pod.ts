import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerEvents } from '../../broker.js';
import type { BrokerNotice, BrokerStats } from '../../broker-stats.js';
import { BrokerUnavailableError } from '../../errors.js';
import { steadyNow } from '../../steady-clock.js';
import type { Fold } from '../fold/fold.js';
import { NO_PLAIN, policyText } from '../fold/plain.js';
import type { LogAdapter } from '../log-adapter.js';
import { partitionOf } from '../partition-of.js';
import type { PartitionEvents } from '../partition/partition-context.js';
import { Partition } from '../partition/partition.js';
import type { LogSettings } from '../settings.js';
import { Beacons } from './beacons.js';
import { Keeper } from './keeper.js';
import { LogConnection } from './log-connection.js';
import { Outcomes } from './outcomes.js';
import { PartitionMembers } from './partition-members.js';
import { partitionsProblem } from './partitions-problem.js';
import { PodMonitor } from './pod-monitor.js';
import { PodNames } from './pod-names.js';
import { nothing, written } from './record.js';
import { ServerClock } from './server-clock.js';
import { Share } from './share.js';
import { Snapshots } from './snapshots.js';
import { Subscriptions } from './subscriptions.js';
import { Sweeper } from './sweeper.js';
import { Window } from './window.js';

/** ms that a stopping pod takes to say so. */
const BYE = 1_000;
/** ms between two looks for what has stopped or expired. */
const TICK = 1_000;

/** One pod on a log: its partitions, and what it has in them. */
export class Pod {
  readonly subscriptions: Subscriptions;
  readonly window: Window;
  readonly #adapter: LogAdapter;
  readonly #settings: LogSettings;
  readonly #events: BrokerEvents;
  readonly #connection: LogConnection;
  readonly #sweeper: Sweeper;
  readonly #partitionEvents: PartitionEvents;
  readonly #names = new PodNames();
  readonly #outcomes: Outcomes;
  #shares: Share[] = [];
  readonly #monitor: PodMonitor;
  #beacons: Beacons | undefined;
  #keeper: Keeper | undefined;
  #tick: NodeJS.Timeout | undefined;

  constructor(adapter: LogAdapter, settings: LogSettings, events: BrokerEvents) {
    this.#adapter = adapter;
    this.#settings = settings;
    this.#events = events;
    this.window = new Window(settings.windowBytes, settings.window);
    const onNotice = (notice: BrokerNotice): void => events.onNotice(notice);
    this.#monitor = new PodMonitor({ adapter, settings, onNotice });
    this.#sweeper = new Sweeper(this.window);
    this.subscriptions = new Subscriptions({
      events,
      partitionOf: (channel) => this.share(channel).partition,
      pod: () => this.#names.present,
      linger: settings.linger,
    });
    this.#outcomes = new Outcomes({
      events,
      names: this.#names,
      window: this.window,
      subscriptions: this.subscriptions,
      onRestored: (share) => this.#restore(share),
      onDeclaredDead: () => this.#beginAnew(),
      onAsk: (partition) => this.#answer(partition),
    });
    this.#connection = new LogConnection(adapter, {
      onOpen: () => this.#opened(),
      onAway: (reason) => this.#away(reason),
      onEntries: (partition, entries) => this.#shares[partition]?.partition.onEntries(entries),
      onInterrupted: (partition, reason) => {
        const share = this.#shares[partition];
        share?.monitor.interrupted(reason, this.#connection.problem !== undefined);
        share?.partition.onInterrupted();
      },
    });
    this.#partitionEvents = {
      onOutcome: (partition, ...outcome) => this.#outcomes.take(this.#shareOf(partition), ...outcome),
      onReady: (partition, hasLost) => this.#onReady(partition, hasLost),
      onForgotten: (partition, fold) => this.#onForgotten(partition, fold),
      onInvalid: ({ index }) => this.#events.onInvalid('message', `partition ${index}`),
      onPlainRefused: (channel, reason) => this.#events.onPlainRefused(channel, reason),
      onFault: (error) => this.#events.onFault(error),
    };
  }

  /** Why the broker cannot be used; undefined if it can. */
  get problem(): string | undefined {
    const { problem } = this.#connection;
    if (problem !== undefined) return problem;
    const [first] = this.#shares;
    if (first === undefined) return 'the log is being read';
    return (
      partitionsProblem(this.#shares.map(({ partition }) => partition)) ??
      this.#partitionProblem(first) ??
      this.#beacons?.problem ??
      (this.#beacons ? undefined : 'the log is being read')
    );
  }

  get shares(): readonly Share[] {
    return this.#shares;
  }

  start(): void {
    this.#connection.start();
    this.subscriptions.start();
    this.#tick = setInterval(() => this.#look(), TICK);
  }

  async close(): Promise<void> {
    clearInterval(this.#tick);
    this.subscriptions.close();
    const [beacons] = await Promise.allSettled([this.#beacons?.close(), this.#sayBye()]);
    if (beacons.status === 'rejected') this.#events.onFault(beacons.reason);
    for (const { partition } of this.#shares) partition.close('the broker is closed');
    await Promise.all(this.#shares.map(async ({ members }) => members.close()));
    await this.#connection.close();
  }

  /**
   * The share of the partition that a channel or a user belongs to.
   *
   * @throws BrokerUnavailableError
   */
  share(name: string): Share {
    const share = this.#isComplete ? this.#shares[partitionOf(name, this.#shares.length)] : undefined;
    if (share === undefined) throw new BrokerUnavailableError(this.problem ?? 'the log is being read');
    return share;
  }

  /** The share of the partition that concerns all pods. @throws BrokerUnavailableError */
  firstShare(): Share {
    const [share] = this.#shares;
    if (share === undefined) throw new BrokerUnavailableError(this.problem ?? 'the log is being read');
    return share;
  }

  async stats(): Promise<BrokerStats> {
    const { reconnects } = this.#monitor;
    const memory = { bytes: this.window.bytes, maxBytes: this.#settings.windowBytes };
    return { reconnects, memory, log: await this.#monitor.stats(this.#shares) };
  }

  now(): number {
    return Math.round(this.#shares[0]?.clock.now() ?? steadyNow());
  }

  get #isComplete(): boolean {
    return this.#beacons !== undefined;
  }

  #opened(): void {
    // How many partitions count is in the first one.
    if (this.#shares.length === 0) this.#shares.push(this.#newShare(0));
    this.#monitor.opened();
    for (const { partition } of this.#shares) partition.connect();
  }

  #away(reason: string): void {
    this.#monitor.away(reason);
    for (const { partition } of this.#shares) partition.disconnect(reason);
  }

  #newShare(index: number): Share {
    const clock = new ServerClock();
    const pod = (): string => this.#names.present;
    const partition = new Partition(index, {
      adapter: this.#adapter,
      pod,
      isOwn: (name) => this.#names.has(name),
      clock: steadyNow,
      partitions: () => (this.#isComplete ? this.#shares.length : this.#adapter.partitions),
      format: this.#settings.plain?.format ?? NO_PLAIN,
      policy: policyText(this.#settings.plain),
      events: this.#partitionEvents,
    });
    const members = new PartitionMembers(
      partition,
      pod,
      () => clock.now(),
      (...late) => this.#events.onLateMembership(...late),
    );
    const snapshots = new Snapshots(partition, this.#settings.window);
    return new Share(partition, clock, snapshots, members, this.#monitor.partition(partition, snapshots));
  }

  #shareOf({ index }: Partition): Share {
    const share = this.#shares[index];
    if (share === undefined) throw new Error(`there is no partition ${index}`);
    return share;
  }

  /** The first partition is known. */
  #complete(first: Share): void {
    const partitions = first.partition.fold?.partitions ?? 0;
    if (partitions < 1 || partitions > this.#adapter.partitions) return;
    while (this.#shares.length < partitions) this.#shares.push(this.#newShare(this.#shares.length));
    const { beaconInterval: interval } = this.#settings;
    const beacons = new Beacons({
      partition: first.partition,
      pod: () => this.#names.present,
      interval,
      onBeacon: () => this.#onBeacon(),
    });
    this.#beacons = beacons;
    this.#keeper = new Keeper({
      settings: this.#settings,
      beacons,
      partitions: this.#shares.map(({ partition }) => partition),
      snapshotsOf: (partition) => this.#shareOf(partition).snapshots,
      onSnapshotFailed: (...failed) => this.#monitor.snapshotFailed(...failed),
    });
    for (const { partition } of this.#shares) partition.connect();
    beacons.start();
  }

  #partitionProblem({ partition: { fold } }: Share): string | undefined {
    const expected = fold?.partitions ?? this.#shares.length;
    if (expected > this.#adapter.partitions) {
      return `the log has ${this.#adapter.partitions} partitions, but was begun with ${expected}`;
    }
    if (this.#isComplete && expected !== this.#shares.length) {
      return `the log has ${expected} partitions now: this pod has to be restarted`;
    }
    return undefined;
  }

  #onReady(partition: Partition, hasLost: boolean): void {
    const share = this.#shareOf(partition);
    share.monitor.known();
    // It may have been declared dead while it read nothing.
    if (partition.fold?.pods.get(this.#names.present)?.isDead === true) this.#beginAnew();
    share.rename();
    if (partition.index === 0 && !this.#isComplete) this.#complete(share);
    if (hasLost && this.#isComplete) this.#restore(share);
    share.members.retryNow();
    this.#beacons?.wake();
  }

  /** The state is another one than before. */
  #restore({ partition, members }: Share): void {
    this.subscriptions.restored(partition);
    members.restore();
  }

  #onForgotten(partition: Partition, { channels }: Fold): void {
    for (const channel of channels.map.values()) this.window.drop(channel);
    this.#shareOf(partition).snapshots.reset();
  }

  /** The other pods consider this one dead: it continues under another name. */
  #beginAnew(): void {
    const former = this.#names.change();
    for (const share of this.#shares) {
      share.renamed(former);
      if (share.partition.fold !== undefined) share.members.restore();
    }
    this.subscriptions.renamed();
    this.#beacons?.wake();
  }

  #onBeacon(): void {
    for (const share of this.#shares) share.rename();
    this.#keeper?.round().catch((error: unknown) => this.#events.onFault(error));
  }

  #answer(partition: Partition): void {
    this.#keeper?.answer(partition).catch(() => undefined);
  }

  #look(): void {
    this.#monitor.look(this.#shares, this.problem !== undefined);
    for (const { partition } of this.#shares) if (partition.fold !== undefined) this.#sweeper.sweep(partition.fold);
  }

  /** Members stay for now: clients of a stopped pod return elsewhere with their sessions. */
  async #sayBye(): Promise<void> {
    const said = this.#shares.map(async ({ partition }) => written(partition, { kind: 'bye' }, nothing, BYE));
    const patience = new AbortController();
    await Promise.race([Promise.allSettled(said), sleep(BYE, undefined, { signal: patience.signal }).catch(nothing)]);
    patience.abort();
  }
}
