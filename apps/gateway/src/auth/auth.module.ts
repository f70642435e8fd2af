import { Module } from '@nestjs/common';
import { Authenticator } from './authenticator.js';
import { Permissions } from './permissions.js';

@Module({ providers: [Authenticator, Permissions], exports: [Authenticator, Permissions] })
export class AuthModule {}
