import type { Connection } from '@holdfast/gateway';
import { Inject, UseGuards } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { OrderPipe, type Order } from './order.pipe.js';
import { SignedIn } from './signed-in.guard.js';
import { Stock } from './stock.js';

/** Answers `client.call('orders.create', …)`. */
@WebSocketGateway()
export class OrdersGateway {
  private created = 0;

  constructor(@Inject(Stock) private readonly stock: Stock) {}

  @UseGuards(SignedIn)
  @SubscribeMessage('orders.create')
  async create(
    @ConnectedSocket() { user }: Connection,
    @MessageBody(OrderPipe) { note }: Order,
  ): Promise<{ id: number; text: string }> {
    if (!(await this.stock.take())) throw new WsException('sold out');
    this.created += 1;
    return { id: this.created, text: `tea for ${user}: ${note}` };
  }
}
