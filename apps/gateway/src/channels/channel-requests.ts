import { Inject, Injectable } from '@nestjs/common';
import { ChannelsService } from './channels.service.js';
import { Dispatcher } from '../connection/dispatcher.js';

/** The protocol's requests about channels. */
@Injectable()
export class ChannelRequests {
  constructor(@Inject(Dispatcher) dispatcher: Dispatcher, @Inject(ChannelsService) channels: ChannelsService) {
    dispatcher.serve({
      subscribe: (connection, data, request) => channels.subscribe(connection, data, request),
      unsubscribe: (connection, { channel }) => ({ channel: channels.unsubscribe(connection, channel) }),
      publish: (connection, data, { frame }) => channels.publishFrom(connection, data, frame.traceparent),
      presence: (connection, { channel }) => channels.presenceFor(connection, channel),
      history: (connection, data) => channels.historyFor(connection, data),
    });
  }
}
