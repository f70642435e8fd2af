import {
  requestSchemas,
  type HistoryReply,
  type HistoryRequest,
  type Members,
  type PresenceRequest,
  type PublishReply,
  type PublishRequest,
  type SubscribeReply,
  type SubscribeRequest,
  type UnsubscribeReply,
  type UnsubscribeRequest,
} from '@holdfast/protocol';
import { Inject } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Connection } from '../gateway/connection.js';
import { SchemaPipe } from '../gateway/schema.pipe.js';
import { ChannelsService } from './channels.service.js';

/** What a client does with channels. */
@WebSocketGateway()
export class ChannelsGateway {
  constructor(@Inject(ChannelsService) private readonly channels: ChannelsService) {}

  @SubscribeMessage('subscribe')
  subscribe(
    @ConnectedSocket() connection: Connection,
    @MessageBody(new SchemaPipe(requestSchemas.subscribe)) request: SubscribeRequest,
  ): Promise<SubscribeReply> {
    return this.channels.subscribe(connection, request);
  }

  @SubscribeMessage('unsubscribe')
  unsubscribe(
    @ConnectedSocket() connection: Connection,
    @MessageBody(new SchemaPipe(requestSchemas.unsubscribe)) { channel }: UnsubscribeRequest,
  ): UnsubscribeReply {
    return { channel: this.channels.unsubscribe(connection, channel) };
  }

  @SubscribeMessage('publish')
  publish(
    @ConnectedSocket() connection: Connection,
    @MessageBody(new SchemaPipe(requestSchemas.publish)) { channel, data, key }: PublishRequest,
  ): Promise<PublishReply> {
    return this.channels.publishFrom(connection, channel, data, key);
  }

  @SubscribeMessage('presence')
  presence(
    @ConnectedSocket() connection: Connection,
    @MessageBody(new SchemaPipe(requestSchemas.presence)) { channel }: PresenceRequest,
  ): Promise<Members> {
    return this.channels.presenceFor(connection, channel);
  }

  @SubscribeMessage('history')
  history(
    @ConnectedSocket() connection: Connection,
    @MessageBody(new SchemaPipe(requestSchemas.history)) request: HistoryRequest,
  ): Promise<HistoryReply> {
    return this.channels.historyFor(connection, request);
  }
}
