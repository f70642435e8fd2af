import { Module } from '@nestjs/common';
import { AuthorizationWebhook } from '../auth/authorization-webhook.js';

@Module({ providers: [AuthorizationWebhook], exports: [AuthorizationWebhook] })
export class WebhooksModule {}
