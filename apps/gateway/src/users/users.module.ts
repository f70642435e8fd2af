import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { UserCommands } from './user-commands.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [AuthModule, ChannelsModule, ConnectionModule],
  providers: [UserCommands, UsersService],
  exports: [UserCommands, UsersService],
})
export class UsersModule {}
