import { Module } from '@nestjs/common';
import { Admission } from './admission.js';
import { Authenticator } from './authenticator.js';
import { AuthorizationWebhook } from './authorization-webhook.js';
import { BlockedUsers } from './blocked-users.js';
import { Permissions } from './permissions.js';
import { Sessions } from './session.js';

const providers = [Admission, Authenticator, AuthorizationWebhook, BlockedUsers, Permissions, Sessions];

@Module({ providers, exports: providers })
export class AuthModule {}
