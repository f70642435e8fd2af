import type {
  HistoryReply,
  HistoryRequest,
  Members,
  PresenceRequest,
  PublishReply,
  PublishRequest,
  SubscribeReply,
  SubscribeRequest,
  UnsubscribeReply,
  UnsubscribeRequest,
} from '@holdfast/protocol';
import { Inject } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Connection } from '../gateway/connection.js';
import { ChannelsService } from './channels.service.js';

/**
 * What a client does with channels. Handlers get the connection and data that the dispatcher has checked: a pipe would cost
 * each request a chain of promises.
 */
@WebSocketGateway()
export class ChannelsGateway {
  constructor(@Inject(ChannelsService) private readonly channels: ChannelsService) {}

  @SubscribeMessage('subscribe')
  subscribe(connection: Connection, request: SubscribeRequest): Promise<SubscribeReply> {
    return this.channels.subscribe(connection, request);
  }

  @SubscribeMessage('unsubscribe')
  unsubscribe(connection: Connection, { channel }: UnsubscribeRequest): UnsubscribeReply {
    return { channel: this.channels.unsubscribe(connection, channel) };
  }

  @SubscribeMessage('publish')
  publish(connection: Connection, { channel, data, key }: PublishRequest): Promise<PublishReply> {
    return this.channels.publishFrom(connection, channel, data, key);
  }

  @SubscribeMessage('presence')
  presence(connection: Connection, { channel }: PresenceRequest): Promise<Members> {
    return this.channels.presenceFor(connection, channel);
  }

  @SubscribeMessage('history')
  history(connection: Connection, request: HistoryRequest): Promise<HistoryReply> {
    return this.channels.historyFor(connection, request);
  }
}
