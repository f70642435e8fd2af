import {
  BROKER,
  type BrokerClock,
  type ConnectionDirectory,
  type RegisteredConnection,
  type Signals,
} from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { fromBroker } from '../errors/broker-errors.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { MAX_BLOCK_MS, UserCommands } from './user-commands.js';
import type { UserCommand, UserSignal } from './user-command.js';

/** What the HTTP API does to users, wherever they are connected. */
@Injectable()
export class UsersService {
  constructor(
    @Inject(BROKER) private readonly broker: ConnectionDirectory & Signals & BrokerClock,
    @Inject(UserCommands) private readonly commands: UserCommands,
  ) {}

  async connectionsOf(user: string): Promise<readonly RegisteredConnection[]> {
    return fromBroker(this.broker.connections(user));
  }

  /**
   * Closes all connections of a user.
   *
   * @param until blocks new ones until this time in ms since the Unix epoch, by the broker's clock.
   * @throws ProtocolError `invalid` if `until` is in the past or too far away, `unavailable`, `unknown`
   */
  async disconnect(user: string, until: number | undefined): Promise<void> {
    if (until !== undefined) this.checkTime(until);
    await this.command({ type: 'disconnect', user, until });
  }

  /**
   * Ends the blocks of a user, who may connect again.
   *
   * @throws ProtocolError `unavailable`, `unknown`
   */
  async unblock(user: string): Promise<void> {
    await this.command({ type: 'unblock', user });
  }

  /** @throws ProtocolError `unavailable`, `unknown` */
  async unsubscribe(user: string, channel: string): Promise<void> {
    await this.command({ type: 'unsubscribe', user, channel });
  }

  /** A time in seconds, the most likely mistake, is in the past as ms. */
  private checkTime(until: number): void {
    const now = this.broker.now();
    if (until <= now) throw new ProtocolError('invalid', '"until" must be in the future, in ms since the Unix epoch');
    if (until > now + MAX_BLOCK_MS) throw new ProtocolError('invalid', '"until" must be at most 30 days from now');
  }

  /** Stored first, so that a pod that misses the signal finds it. */
  private async command(command: UserCommand): Promise<void> {
    const stored = await this.commands.store(command);
    const signal: UserSignal = { ...command, stored };
    await fromBroker(this.broker.signal(JSON.stringify(signal)));
  }
}
