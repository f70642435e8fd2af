import type { BrokerEvents } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { ChannelEvents } from './channel-events.js';
import { ClientEvents } from './client-events.js';
import { channelOfRoom, isRoomOfClients } from './rooms.js';

/** Brings what the broker tells late to whom it concerns. */
@Injectable()
export class BelatedEvents {
  constructor(
    @Inject(ClientEvents) private readonly clients: ClientEvents,
    @Inject(ChannelEvents) private readonly channels: ChannelEvents,
  ) {}

  onBelated(...[event, room, member, count]: Parameters<BrokerEvents['onLateMembership']>): void {
    const channel = channelOfRoom(room);
    if (channel !== undefined) this.channels.belated(event, channel, count);
    else if (isRoomOfClients(room)) this.clients.belated(event, member);
  }
}
