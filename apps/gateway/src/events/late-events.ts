import type { BrokerEvents } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { isNameOfClients, occupiedChannelOf } from '../broker/reserved-names.js';
import { ChannelEvents } from './channel-events.js';
import { ClientEvents } from './client-events.js';

/** Brings what the broker tells late to whom it concerns. */
@Injectable()
export class BelatedEvents {
  constructor(
    @Inject(ClientEvents) private readonly clients: ClientEvents,
    @Inject(ChannelEvents) private readonly channels: ChannelEvents,
  ) {}

  onBelated(...[event, room, member, count]: Parameters<BrokerEvents['onBelated']>): void {
    const channel = occupiedChannelOf(room);
    if (channel !== undefined) this.channels.belated(event, channel, count);
    else if (isNameOfClients(room)) this.clients.belated(event, member);
  }
}
