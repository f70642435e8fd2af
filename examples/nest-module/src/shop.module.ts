import { ChannelsModule } from '@holdfast/gateway';
import { Module } from '@nestjs/common';
import { OrdersGateway } from './orders.gateway.js';
import { PageController } from './page.controller.js';
import { StockController } from './stock.controller.js';
import { Stock } from './stock.js';

@Module({
  imports: [ChannelsModule],
  controllers: [PageController, StockController],
  providers: [OrdersGateway, Stock],
})
export class ShopModule {}
