import type { BrokerEvents, Position, StoredPublication, StreamOptions } from '../../broker.js';
import { STEP_TIMEOUT } from '../../call-deadlines.js';
import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import type { ChannelState } from '../fold/channel-table.js';
import type { Outcome } from '../fold/outcome.js';
import type { Partition } from '../partition/partition.js';
import { Subscription } from './subscription.js';

/** ms between two attempts to write what could not be written. */
const TICK = 1_000;
/** Channels that are opened again at a time. */
const CHUNK = 500;
/** ms in which the pods restore their members after the log has lost them. */
const PRESENCE_SETTLING = 6_000;

export interface SubscriptionsContext {
  readonly events: BrokerEvents;
  readonly partitionOf: (channel: string) => Partition;
  readonly pod: () => string;
  /** ms for which a channel stays open after its last subscriber has left. */
  readonly linger: number;
}

/** The channels that this pod is subscribed to, or was until recently. */
export class Subscriptions {
  readonly #context: SubscriptionsContext;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #tick: NodeJS.Timeout | undefined;
  #isRepairing = false;
  #closed = false;

  constructor(context: SubscriptionsContext) {
    this.#context = context;
  }

  start(): void {
    this.#tick = setInterval(() => this.#repairSoon(), TICK);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#tick);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const subscription of this.#subscriptions.values()) {
      clearTimeout(subscription.linger);
      subscription.isActive = false;
    }
    this.#subscriptions.clear();
  }

  isActive(channel: string): boolean {
    return this.#subscriptions.get(channel)?.isActive === true;
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async subscribe(channel: string, stream: StreamOptions): Promise<Position> {
    const due = performance.now() + STEP_TIMEOUT;
    const subscription = this.#subscriptions.get(channel) ?? new Subscription(channel, stream);
    this.#subscriptions.set(channel, subscription);
    return subscription.inOrder(async () => this.#begin(subscription, stream, due));
  }

  async unsubscribe(channel: string): Promise<void> {
    const subscription = this.#subscriptions.get(channel);
    await subscription?.inOrder(async () => {
      subscription.isActive = false;
      this.#lingerOn(subscription);
    });
  }

  /** A publication was folded. */
  publication(channel: ChannelState, publication: StoredPublication, era: string): void {
    const subscription = this.#subscriptions.get(channel.name);
    if (subscription?.position === undefined) return;
    const { position } = subscription;
    const epoch = channel.epoch(era);
    const { offset } = publication;
    if (position.epoch !== epoch || position.offset !== offset - 1)
      this.#gap(subscription, { epoch, offset: offset - 1 });
    subscription.position = { epoch, offset };
    if (subscription.isActive) this.#context.events.onPublication(channel.name, publication);
  }

  /** The state of a partition is another one than before: what is missing in it is written again. */
  restored(partition: Partition): void {
    for (const subscription of this.#subscriptions.values()) {
      if (this.#context.partitionOf(subscription.channel) === partition) this.#compare(subscription, partition);
    }
    this.#repairSoon();
    this.#doubtPresence(partition);
  }

  /** This pod has another name: nothing is open under it yet. */
  renamed(): void {
    for (const subscription of this.#subscriptions.values()) subscription.state = 'uncertain';
    this.#repairSoon();
  }

  async #begin(subscription: Subscription, stream: StreamOptions, due: number): Promise<Position> {
    const { channel } = subscription;
    clearTimeout(subscription.linger);
    subscription.linger = undefined;
    // It may have ended while this call waited for its turn.
    this.#subscriptions.set(channel, subscription);
    const partition = this.#context.partitionOf(channel);
    if (partition.fold === undefined) {
      this.#lingerOn(subscription);
      throw new BrokerUnavailableError(partition.problem ?? 'the log is being read');
    }
    if (subscription.state === 'open' && subscription.position !== undefined && subscription.hasOptions(stream)) {
      subscription.isActive = true;
      return subscription.position;
    }
    subscription.stream = stream;
    try {
      return await this.#open(subscription, due, true);
    } catch (error) {
      this.#lingerOn(subscription);
      throw error;
    }
  }

  /** @param begins whether events are reported from there on. */
  async #open(subscription: Subscription, due: number, begins: boolean): Promise<Position> {
    const { channel, stream } = subscription;
    const partition = this.#context.partitionOf(channel);
    subscription.state = 'uncertain';
    return new Promise((resolve, reject) => {
      partition.writer.write({ kind: 'open', channel, stream }, due, {
        // While the record is folded: the next one may be a publication on this channel.
        onOutcome: (outcome) => {
          const position = positionOf(outcome, partition);
          if (position === undefined) {
            reject(new BrokerUnknownError('the log was not what was expected'));
            return;
          }
          subscription.state = 'open';
          if (subscription.isActive) this.#arriveAt(subscription, position);
          else subscription.position = position;
          if (begins) subscription.isActive = true;
          resolve(position);
        },
        onError: reject,
      });
    });
  }

  #arriveAt(subscription: Subscription, position: Position): void {
    const { epoch, offset } = subscription.position ?? { epoch: '', offset: -1 };
    if (epoch !== position.epoch || offset !== position.offset) this.#gap(subscription, position);
  }

  #gap(subscription: Subscription, position: Position): void {
    subscription.position = position;
    if (subscription.isActive) this.#context.events.onGap(subscription.channel, position);
  }

  #compare(subscription: Subscription, partition: Partition): void {
    const fold = partition.fold;
    const channel = fold?.channels.get(subscription.channel, fold.time.now);
    const pod = fold?.pods.get(this.#context.pod());
    subscription.state = channel !== undefined && pod?.opened.has(channel) === true ? 'open' : 'closed';
    if (subscription.state === 'closed' || channel === undefined || fold === undefined) return;
    this.#arriveAt(subscription, { epoch: channel.epoch(fold.era), offset: channel.offset });
  }

  /** Joins and leaves may have been missed. Reported when the pods have restored their members. */
  #doubtPresence(partition: Partition): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      for (const { channel, isActive } of this.#subscriptions.values()) {
        if (isActive && this.#context.partitionOf(channel) === partition) this.#context.events.onPresenceGap(channel);
      }
    }, PRESENCE_SETTLING);
    this.#timers.add(timer);
  }

  #lingerOn(subscription: Subscription): void {
    clearTimeout(subscription.linger);
    if (this.#closed || subscription.isActive) return;
    subscription.linger = setTimeout(() => {
      subscription.linger = undefined;
      subscription.inOrder(async () => this.#quit(subscription)).catch(() => undefined);
    }, this.#context.linger);
  }

  /** If it fails, the next turn tries again. */
  async #quit(subscription: Subscription): Promise<void> {
    const { channel } = subscription;
    if (subscription.isActive || this.#subscriptions.get(channel) !== subscription) return;
    const partition = this.#context.partitionOf(channel);
    subscription.state = 'uncertain';
    await new Promise<void>((resolve, reject) => {
      partition.writer.write({ kind: 'quit', channel }, performance.now() + STEP_TIMEOUT, {
        onOutcome: () => {
          subscription.state = 'closed';
          subscription.position = undefined;
          resolve();
        },
        onError: reject,
      });
    });
    if (!subscription.isActive) this.#subscriptions.delete(channel);
  }

  #repairSoon(): void {
    if (this.#isRepairing || this.#closed) return;
    this.#isRepairing = true;
    this.#repair()
      .catch((error: unknown) => this.#context.events.onFault(error))
      .finally(() => (this.#isRepairing = false));
  }

  /** Opens again what the log has lost, and ends what could not be ended. */
  async #repair(): Promise<void> {
    let chunk: Promise<unknown>[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const { channel, state, isActive, isBusy, linger } = subscription;
      if (isBusy || state === (isActive ? 'open' : 'closed') || linger !== undefined) continue;
      if (this.#context.partitionOf(channel).fold === undefined) continue;
      if (isActive) chunk.push(subscription.inOrder(async () => this.#reopen(subscription)));
      else chunk.push(subscription.inOrder(async () => this.#quit(subscription)));
      if (chunk.length < CHUNK) continue;
      await Promise.allSettled(chunk);
      chunk = [];
    }
    await Promise.allSettled(chunk);
  }

  async #reopen(subscription: Subscription): Promise<void> {
    if (!subscription.isActive || subscription.state === 'open') return;
    await this.#open(subscription, performance.now() + STEP_TIMEOUT, false);
  }
}

function positionOf(outcome: Outcome, { era }: Partition): Position | undefined {
  if (outcome.kind !== 'opened') return undefined;
  return { epoch: outcome.channel.epoch(era), offset: outcome.channel.offset };
}
