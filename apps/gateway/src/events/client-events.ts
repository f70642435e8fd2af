import { BROKER, type ChannelMember } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { departed } from '../channels/departure.js';
import { decodeMember } from '../channels/member.js';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import type { Connection } from '../gateway/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { EventWebhook } from './event-webhook.js';
import { roomOfClient, type Rooms } from './rooms.js';

/** How long until the broker is asked again that could not be asked, in ms. */
const RETRY_MS = 1_000;

/**
 * Tells which clients come and go, in the whole cluster: a client that moves from one connection to another, or comes back
 * within the grace time of presence, did neither. The broker's presence knows, as it does for the members of a channel.
 */
@Injectable()
export class ClientEvents {
  private readonly isOn: boolean;
  /** What is under way, by the connection's id. */
  private readonly joining = new Map<string, Promise<void>>();
  /** By a connection's id: that of the one whose place it takes, until the broker knows. */
  private readonly inherited = new Map<string, string>();

  constructor(
    @Inject(BROKER) private readonly rooms: Rooms,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(EventWebhook) private readonly webhook: EventWebhook,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
  ) {
    this.isOn = webhook.tells('client.connected', 'client.disconnected');
  }

  connected(connection: Connection): void {
    if (!this.isOn) return;
    const { id } = connection;
    this.joining.set(
      id,
      this.join(connection).finally(() => this.joining.delete(id)),
    );
  }

  disconnected(connection: Connection): void {
    // On the way down clients come back elsewhere, and the lease of this pod ends for the others.
    if (!this.isOn || this.lifecycle.stage === 'draining') return;
    departed(connection, this.config.presence.grace, () => {
      // The broker does it later, and reports it.
      this.leave(connection).catch(() => undefined);
    });
  }

  /** A client goes on by its older connection, since the newer one has gone first. */
  handOver(newer: Connection, older: Connection): void {
    if (!this.isOn) return;
    this.inherited.set(older.id, newer.id);
    this.connected(older);
  }

  /** As the broker tells, of whichever pod. */
  belated(event: 'join' | 'leave', member: ChannelMember): void {
    this.tell(event === 'join' ? 'client.connected' : 'client.disconnected', member);
  }

  private async join(connection: Connection): Promise<void> {
    const { client, user, id } = connection;
    const member = { client, details: JSON.stringify({ user }) };
    while (connection.open) {
      try {
        const { changed } = await this.rooms.join(roomOfClient(client), member, id);
        this.inherited.delete(id);
        if (changed) this.tell('client.connected', member);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  private async leave({ client, user, id }: Connection): Promise<void> {
    await this.joining.get(id);
    const holder = this.inherited.get(id) ?? id;
    this.inherited.delete(id);
    try {
      const { changed } = await this.rooms.leave(roomOfClient(client), client, holder);
      if (changed) this.tell('client.disconnected', { client, details: JSON.stringify({ user }) });
    } catch {
      // The broker does it later, and tells.
    }
  }

  private tell(type: EventType, member: ChannelMember): void {
    const decoded = decodeMember(member);
    if (decoded === undefined) this.inputs.invalid('details', roomOfClient(member.client));
    else this.webhook.add(type, this.rooms.now(), decoded, decoded.user);
  }
}
