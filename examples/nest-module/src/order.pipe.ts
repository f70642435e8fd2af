import { Injectable, type PipeTransform } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

export interface Order {
  readonly note: string;
}

/** Clients can send anything. */
@Injectable()
export class OrderPipe implements PipeTransform<unknown, Order> {
  transform(data: unknown): Order {
    const { note } = (data ?? {}) as Partial<Order>;
    if (typeof note !== 'string' || note.length > 100)
      throw new WsException('note must be a text of up to 100 characters');
    return { note };
  }
}
