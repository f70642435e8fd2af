/** The textbook loop as a gateway on Nest's own WsAdapter: rooms in a Map, and a loop that sends. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import { WebSocket } from 'ws';

interface Channel {
  readonly channel: string;
}

@WebSocketGateway({ path: '/ws' })
class RoomsGateway implements OnGatewayDisconnect<WebSocket> {
  private readonly rooms = new Map<string, Set<WebSocket>>();
  private readonly joined = new Map<WebSocket, Set<WebSocket>[]>();

  handleDisconnect(client: WebSocket): void {
    for (const room of this.joined.get(client) ?? []) room.delete(client);
    this.joined.delete(client);
  }

  @SubscribeMessage('subscribe')
  subscribe(@ConnectedSocket() client: WebSocket, @MessageBody() { channel }: Channel): object {
    let room = this.rooms.get(channel);
    if (room === undefined) this.rooms.set(channel, (room = new Set()));
    room.add(client);
    const joined = this.joined.get(client);
    if (joined === undefined) this.joined.set(client, [room]);
    else joined.push(room);
    return { event: 'reply', data: { channel } };
  }

  @SubscribeMessage('publish')
  publish(@MessageBody() { channel, data }: Channel & { readonly data: unknown }): object {
    const message = JSON.stringify({ event: 'message', data: { channel, data } });
    for (const subscriber of this.rooms.get(channel) ?? []) {
      if (subscriber.readyState === WebSocket.OPEN) subscriber.send(message);
    }
    return { event: 'reply', data: { channel } };
  }
}

@Module({ providers: [RoomsGateway] })
class AppModule {}

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: ['error'] });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(Number(process.env['PORT']), '127.0.0.1');
