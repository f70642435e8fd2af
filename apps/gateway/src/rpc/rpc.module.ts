import { Module } from '@nestjs/common';
import { ConnectionModule } from '../connection/connection.module.js';
import { RpcWebhook } from './rpc-webhook.js';

@Module({ imports: [ConnectionModule], providers: [RpcWebhook] })
export class RpcModule {}
