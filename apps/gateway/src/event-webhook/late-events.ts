import type { BrokerEvents } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { isNameOfClients, occupiedChannelOf } from '../broker/reserved-names.js';
import { ChannelEvents } from './channel-events.js';
import { ClientEvents } from './client-events.js';

/** Passes late changes from the broker to the events that they concern. */
@Injectable()
export class LateEvents {
  constructor(
    @Inject(ClientEvents) private readonly clients: ClientEvents,
    @Inject(ChannelEvents) private readonly channels: ChannelEvents,
  ) {}

  onLateMembership(...[event, name, member, count]: Parameters<BrokerEvents['onLateMembership']>): void {
    const channel = occupiedChannelOf(name);
    if (channel !== undefined) this.channels.late(event, channel, count);
    else if (isNameOfClients(name)) this.clients.late(event, member);
  }
}
