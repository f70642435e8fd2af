import { ApiKeyGuard, JsonBody } from '@holdfast/gateway';
import { Controller, Get, HttpCode, Inject, Put, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { Stock } from './stock.js';

const stockSchema = z.strictObject({ left: z.int().min(0) });

/** Plain HTTP beside the gateway's own API. */
@Controller('shop/stock')
export class StockController {
  constructor(@Inject(Stock) private readonly stock: Stock) {}

  @Get()
  read(): z.output<typeof stockSchema> {
    return { left: this.stock.count };
  }

  /** Only for those who have an API key of the gateway. */
  @UseGuards(ApiKeyGuard)
  @Put()
  @HttpCode(204)
  async write(@JsonBody(stockSchema) { left }: z.output<typeof stockSchema>): Promise<void> {
    await this.stock.set(left);
  }
}
