import { BROKER, type BrokerClock, type BrokerEvents, type MessageLog } from '@holdfast/broadcast';
import { namespaceOf } from '@holdfast/protocol';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { CONFIG, namespaceOptions, type Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { FlushSchedule } from '../connection/flush-schedule.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { channelCost, HeldMemory, NOBODY, SUBSCRIPTION_COST } from '../limits/held-memory.js';
import { Metrics } from '../metrics/metrics.js';
import { Tracing } from '../tracing/tracing.js';
import { LocalChannel } from './local-channel.js';
import { traceOf } from './message.js';
import { Presence } from './presence.js';
import { THE_POD } from './reads.js';
import type { Subscription } from './subscription.js';

/** Is notified when a channel gets its first subscriber on this pod, and when it loses the last one. */
export interface OccupancyListener {
  /** @param user whose subscription it is, if it is a user's. */
  occupied(channel: string, user: string | undefined): void;
  vacated(channel: string, user: string | undefined): void;
}

/** The channels that connections of this pod are subscribed to. No others are subscribed to at the broker. */
@Injectable()
export class Hub
  implements
    OnModuleInit,
    Omit<BrokerEvents, 'onLateMembership' | 'onSignal' | 'onInvalid' | 'onPlainRefused' | 'onNotice' | 'onFault'>
{
  /** Payloads that this pod is publishing. It has encoded them itself, so they need no check when the broker delivers them. */
  readonly publishing = new Set<string>();
  private readonly channels = new Map<string, LocalChannel>();
  private subscriptions = 0;
  private listener: OccupancyListener | undefined;

  constructor(
    @Inject(BROKER) private readonly broker: MessageLog & BrokerClock,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Presence) private readonly presence: Presence,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(FlushSchedule) private readonly flushes: FlushSchedule,
    @Inject(Tracing) private readonly tracing: Tracing,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge('holdfast_channels', 'Channels with subscribers on this pod', () => this.channels.size);
    this.metrics.gauge('holdfast_subscriptions', 'Subscriptions on this pod', () => this.subscriptions);
  }

  listen(listener: OccupancyListener): void {
    this.listener = listener;
  }

  /** The names of the channels with subscribers on this pod. */
  names(): string[] {
    return [...this.channels.keys()];
  }

  /** How many channels have subscribers on this pod. */
  get size(): number {
    return this.channels.size;
  }

  get subscriptionCount(): number {
    return this.subscriptions;
  }

  /** A channel with subscribers on this pod. */
  find(name: string): LocalChannel | undefined {
    return this.channels.get(name);
  }

  has(name: string): boolean {
    return this.channels.has(name);
  }

  /**
   * Checks whether there is room for another subscription.
   *
   * @throws ProtocolError `overloaded` if there is none on this pod, or for this user.
   */
  checkRoom(name: string, connection: Connection): void {
    const isNew = !this.channels.has(name);
    if (isNew && this.channels.size >= (this.config.limits.channels ?? Infinity)) {
      this.metrics.limited.inc({ limit: 'channels' });
      throw new ProtocolError('overloaded', 'too many channels');
    }
    const cost = SUBSCRIPTION_COST + channelCost(name);
    const limit = this.memory.full(connection, isNew ? cost : SUBSCRIPTION_COST, cost);
    if (limit === undefined) return;
    this.metrics.limited.inc({ limit });
    throw new ProtocolError('overloaded', limit === 'memory' ? 'too many channels' : 'too many channels of this user');
  }

  /** The channel of this name. Subscribes at the broker if there is no subscriber on this pod yet. */
  channel(name: string): LocalChannel {
    const known = this.channels.get(name);
    if (known !== undefined) return known;
    const options = namespaceOptions(this.config, namespaceOf(name));
    const position = this.broker.subscribe(name, options.stream);
    const channel: LocalChannel = new LocalChannel(
      name,
      options,
      position.then((at) => channel.begin(at)),
      this.inputs,
      this.metrics.totals,
    );
    this.channels.set(name, channel);
    this.memory.add(NOBODY, channelCost(name), 0);
    // Those who wait for `ready` get the error. The next subscriber tries again.
    channel.ready.catch(() => this.abandon(channel));
    return channel;
  }

  add(subscription: Subscription): void {
    const { name, subscriptions } = subscription.channel;
    subscriptions.add(subscription);
    this.memory.add(subscription.connection, SUBSCRIPTION_COST, SUBSCRIPTION_COST + channelCost(name));
    this.subscriptions += 1;
    if (subscriptions.size === 1) this.listener?.occupied(name, subscription.connection.user);
  }

  remove(subscription: Subscription): void {
    const { channel } = subscription;
    subscription.end();
    if (!channel.subscriptions.delete(subscription)) return;
    this.memory.add(subscription.connection, -SUBSCRIPTION_COST, -SUBSCRIPTION_COST - channelCost(channel.name));
    this.subscriptions -= 1;
    if (channel.subscriptions.size > 0) return;
    this.abandon(channel);
    this.listener?.vacated(channel.name, subscription.connection.user);
  }

  onPublication(...[name, publication]: Parameters<BrokerEvents['onPublication']>): void {
    const channel = this.channels.get(name);
    if (channel === undefined) return;
    const { tracer } = this.tracing;
    const traceparent = tracer === undefined ? undefined : traceOf(publication.payload);
    const span = traceparent && tracer?.deliver(name, traceparent, channel.subscriptions.size);
    if (!channel.publication(publication, this.publishing.has(publication.payload))) {
      this.metrics.gaps.inc();
      return;
    }
    this.metrics.totals.messagesOut += channel.subscriptions.size;
    const seconds = Math.max(0, this.broker.now() - publication.time) / 1000;
    if (!span) {
      this.metrics.deliverySeconds.observe(seconds);
      return;
    }
    this.metrics.deliverySeconds.observe(seconds, span.ids);
    this.flushes.whenFlushed(() => span.end());
  }

  onGap(...[name, position]: Parameters<BrokerEvents['onGap']>): void {
    const channel = this.channels.get(name);
    if (channel === undefined) return;
    channel.gap(position);
    this.metrics.gaps.inc();
  }

  onJoin(...[name, member]: Parameters<BrokerEvents['onJoin']>): void {
    this.channels.get(name)?.joined(member);
  }

  onLeave(...[name, member]: Parameters<BrokerEvents['onLeave']>): void {
    this.channels.get(name)?.left(member);
  }

  onPresenceGap(name: string): void {
    const channel = this.channels.get(name);
    if (channel?.hasPresence !== true) return;
    // If the broker is unavailable again, it reports another gap later.
    channel.list(this.presence.members(name, THE_POD)).catch(() => undefined);
  }

  /** Unsubscribes at the broker, even if the subscribe did not complete in time: it may have taken effect. */
  private abandon(channel: LocalChannel): void {
    // A newer channel of this name may exist.
    if (this.channels.get(channel.name) !== channel) return;
    this.channels.delete(channel.name);
    this.memory.add(NOBODY, -channelCost(channel.name), 0);
    // A broker that is unavailable forgets the subscription by itself.
    this.broker.unsubscribe(channel.name).catch(() => undefined);
  }
}
