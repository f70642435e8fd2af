import { BROKER } from '@holdfast/broadcast';
import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Hub, type OccupancyListener } from '../channels/hub.js';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { EventWebhook } from './event-webhook.js';
import { roomOfChannel, type Rooms } from './rooms.js';

/** How long until the broker is asked again that could not be asked, in ms. */
const RETRY_MS = 1_000;

interface Occupancy {
  /** Whether this pod is to be among those with subscribers of the channel. */
  wanted: boolean;
  /** Whether it is. */
  held: boolean;
  /** Who came or went last, if it is a user. */
  user: string | undefined;
  isSettling: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Tells when a channel gets its first subscriber in the whole cluster, and when it has lost its last one for longer than the
 * grace time of presence.
 */
@Injectable()
export class ChannelEvents implements OccupancyListener, OnModuleInit {
  /** Names of pods may not differ. */
  private readonly pod = randomUUID();
  private readonly channels = new Map<string, Occupancy>();

  constructor(
    @Inject(BROKER) private readonly rooms: Rooms,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(EventWebhook) private readonly webhook: EventWebhook,
  ) {}

  onModuleInit(): void {
    if (this.webhook.tells('channel.occupied', 'channel.vacated')) this.hub.listen(this);
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
      // On the way down subscribers come back elsewhere, and the lease of this pod ends where they do not.
      if (this.lifecycle.stage === 'draining') return;
      occupancy.wanted = false;
      this.settleSoon(channel, occupancy);
    }, this.config.presence.grace).unref();
  }

  /** As the broker tells, of whichever pod. */
  belated(event: 'join' | 'leave', channel: string, count: number): void {
    if (event === 'join' && count === 1) this.tell('channel.occupied', channel);
    if (event === 'leave' && count === 0) this.tell('channel.vacated', channel);
  }

  private settleSoon(channel: string, occupancy: Occupancy): void {
    // What fails is tried again.
    this.settle(channel, occupancy).catch(() => (occupancy.isSettling = false));
  }

  /** One step after the other, since a join must not overtake a leave. */
  private async settle(channel: string, occupancy: Occupancy): Promise<void> {
    if (occupancy.isSettling) return;
    occupancy.isSettling = true;
    while (occupancy.wanted !== occupancy.held) {
      try {
        await (occupancy.wanted ? this.join(channel, occupancy) : this.leave(channel, occupancy));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    occupancy.isSettling = false;
    if (!occupancy.wanted) this.channels.delete(channel);
  }

  private async join(channel: string, occupancy: Occupancy): Promise<void> {
    const { changed, count } = await this.rooms.join(
      roomOfChannel(channel),
      { client: this.pod, details: '' },
      this.pod,
    );
    occupancy.held = true;
    if (changed && count === 1) this.tell('channel.occupied', channel, occupancy.user);
  }

  private async leave(channel: string, occupancy: Occupancy): Promise<void> {
    // Where it fails the broker does it later, and tells.
    occupancy.held = false;
    const { changed, count } = await this.rooms.leave(roomOfChannel(channel), this.pod, this.pod);
    if (changed && count === 0) this.tell('channel.vacated', channel, occupancy.user);
  }

  private tell(type: EventType, channel: string, user?: string): void {
    this.webhook.add(type, this.rooms.now(), { channel }, user);
  }
}
