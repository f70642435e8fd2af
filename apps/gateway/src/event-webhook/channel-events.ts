import { BROKER } from '@holdfast/broadcast';
import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { nameOfOccupied } from '../broker/reserved-names.js';
import { retryWhile } from '../broker/retry.js';
import { Hub, type OccupancyListener } from '../channels/hub.js';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { EventWebhook } from './event-webhook.js';
import type { ClusterPresence } from './cluster-presence.js';

interface Occupancy {
  /** Whether this pod should be among those with subscribers of the channel. */
  wanted: boolean;
  /** Whether it is. */
  held: boolean;
  /** The user who caused the last change, if known. */
  user: string | undefined;
  isSettling: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Reports when a channel gets its first subscriber in the whole cluster, and when it has had none for longer than the
 * grace time of presence.
 */
@Injectable()
export class ChannelEvents implements OccupancyListener, OnModuleInit {
  /** Random, since names of pods may not be unique. */
  private readonly pod = randomUUID();
  private readonly channels = new Map<string, Occupancy>();

  constructor(
    @Inject(BROKER) private readonly presence: ClusterPresence,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(EventWebhook) private readonly webhook: EventWebhook,
  ) {}

  onModuleInit(): void {
    if (this.webhook.reports('channel.occupied', 'channel.vacated')) this.hub.listen(this);
  }

  occupied(channel: string, user: string | undefined): void {
    let occupancy = this.channels.get(channel);
    if (occupancy === undefined) {
      occupancy = { wanted: true, held: false, user, isSettling: false, timer: undefined };
      this.channels.set(channel, occupancy);
    }
    clearTimeout(occupancy.timer);
    occupancy.wanted = true;
    occupancy.user = user;
    this.settleSoon(channel, occupancy);
  }

  vacated(channel: string, user: string | undefined): void {
    const occupancy = this.channels.get(channel);
    if (occupancy === undefined) return;
    occupancy.user = user;
    occupancy.timer = setTimeout(() => {
      // While this pod stops, subscribers come back elsewhere. For those that do not, its lease ends.
      if (this.lifecycle.stage === 'draining') return;
      occupancy.wanted = false;
      this.settleSoon(channel, occupancy);
    }, this.config.presence.grace).unref();
  }

  /** Reports a late change of any pod, as the broker delivers it. */
  late(event: 'join' | 'leave', channel: string, count: number): void {
    if (event === 'join' && count === 1) this.report('channel.occupied', channel);
    if (event === 'leave' && count === 0) this.report('channel.vacated', channel);
  }

  private settleSoon(channel: string, occupancy: Occupancy): void {
    // Failures are retried.
    this.settle(channel, occupancy).catch(() => (occupancy.isSettling = false));
  }

  /** One step after the other, since a join must not overtake a leave. */
  private async settle(channel: string, occupancy: Occupancy): Promise<void> {
    if (occupancy.isSettling) return;
    occupancy.isSettling = true;
    const isUnsettled = (): boolean => occupancy.wanted !== occupancy.held;
    while (isUnsettled()) {
      await retryWhile(isUnsettled, () =>
        occupancy.wanted ? this.join(channel, occupancy) : this.leave(channel, occupancy),
      );
    }
    occupancy.isSettling = false;
    if (!occupancy.wanted) this.channels.delete(channel);
  }

  private async join(channel: string, occupancy: Occupancy): Promise<void> {
    const { changed, count } = await this.presence.join(
      nameOfOccupied(channel),
      { client: this.pod, details: '' },
      this.pod,
    );
    occupancy.held = true;
    if (changed && count === 1) this.report('channel.occupied', channel, occupancy.user);
  }

  private async leave(channel: string, occupancy: Occupancy): Promise<void> {
    // If it fails, the broker does it later and reports it.
    occupancy.held = false;
    const { changed, count } = await this.presence.leave(nameOfOccupied(channel), this.pod, this.pod);
    if (changed && count === 0) this.report('channel.vacated', channel, occupancy.user);
  }

  private report(type: EventType, channel: string, user?: string): void {
    this.webhook.add(type, this.presence.now(), { channel }, user);
  }
}
