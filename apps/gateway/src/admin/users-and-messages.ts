import type { HistoryReply } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { doneAnswer } from '../api/answers.js';
import type { historyQuery } from '../api/requests.js';
import { BlockedUsers } from '../auth/index.js';
import { ChannelsService } from '../channels/channels.service.js';
import { backendOf } from '../channels/reads.js';
import { EventLog } from '../logging/event-log.js';
import { UsersService } from '../users/users.service.js';
import type { UserAnswer } from './answers.js';

/** All operators together, so that they delay only each other. */
const OPERATORS = backendOf('operators');

type Done = z.output<typeof doneAnswer>;

/** What operators see of users and messages on all pods, and what they do to users. */
@Injectable()
export class UsersAndMessages {
  constructor(
    @Inject(BlockedUsers) private readonly blocked: BlockedUsers,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(UsersService) private readonly users: UsersService,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  async user(user: string): Promise<UserAnswer> {
    const connections = await this.users.connectionsOf(user);
    const block = this.blocked.list().find((one) => one.user === user);
    return {
      connections: connections.map(({ client, node, since }) => ({ client, node, since })),
      ...(block === undefined ? {} : { blockedUntil: block.until }),
    };
  }

  async disconnect(user: string, until: number | undefined): Promise<Done> {
    await this.users.disconnect(user, until);
    if (until === undefined) this.log.write('users.disconnected', { user });
    else this.log.write('users.blocked', { user, until });
    return {};
  }

  async unblock(user: string): Promise<Done> {
    await this.users.unblock(user);
    this.log.write('users.unblocked', { user });
    return {};
  }

  async history(channel: string, query: z.output<typeof historyQuery>): Promise<HistoryReply> {
    const { epoch, offset, limit, reverse } = query;
    const since = epoch === undefined || offset === undefined ? undefined : { epoch, offset };
    return this.channels.history({ channel, since, limit, reverse }, OPERATORS);
  }
}
