import { Module } from '@nestjs/common';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { Admission } from './admission.js';
import { Authenticator } from './authenticator.js';
import { Permissions } from './permissions.js';

@Module({
  imports: [WebhooksModule],
  providers: [Admission, Authenticator, Permissions],
  exports: [Admission, Authenticator, Permissions, WebhooksModule],
})
export class AuthModule {}
