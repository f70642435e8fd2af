import { BROKER, type ChannelMember } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { nameOfClient } from '../broker/reserved-names.js';
import { retryWhile } from '../broker/retry.js';
import { departed } from '../connection/departure.js';
import { decodeMember } from '../channels/member.js';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { EventWebhook } from './event-webhook.js';
import type { ClusterPresence } from './cluster-presence.js';

/**
 * Reports which clients come and go, in the whole cluster. A client that moves from one connection to another, or comes
 * back within the grace time of presence, does neither. The broker's presence decides, as it does for the members of a
 * channel.
 */
@Injectable()
export class ClientEvents {
  private readonly isOn: boolean;
  /** Joins in progress, by the connection's id. */
  private readonly joining = new Map<string, Promise<void>>();
  /** By a connection's id: the id of the one that it replaces, until the broker knows. */
  private readonly inherited = new Map<string, string>();

  constructor(
    @Inject(BROKER) private readonly presence: ClusterPresence,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(EventWebhook) private readonly webhook: EventWebhook,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
  ) {
    this.isOn = webhook.reports('client.connected', 'client.disconnected');
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
    // While this pod stops, clients come back elsewhere. For those that do not, its lease ends.
    if (!this.isOn || this.lifecycle.stage === 'draining') return;
    departed(connection, this.config.presence.grace, () => {
      // The broker does it later, and reports it.
      this.leave(connection).catch(() => undefined);
    });
  }

  /** A client ends while its connection continues as another one. */
  ended(connection: Connection): void {
    // The broker does it later, and reports it.
    if (this.isOn) this.leave(connection).catch(() => undefined);
  }

  /** A client continues on its older connection, since the newer one ended first. */
  handOver(newer: Connection, older: Connection): void {
    if (!this.isOn) return;
    this.inherited.set(older.id, newer.id);
    this.connected(older);
  }

  /** Reports a late change of any pod, as the broker delivers it. */
  late(event: 'join' | 'leave', member: ChannelMember): void {
    this.report(event === 'join' ? 'client.connected' : 'client.disconnected', member);
  }

  private async join(connection: Connection): Promise<void> {
    const { client, user, id } = connection;
    const member = { client, details: JSON.stringify({ user }) };
    const joined = await retryWhile(
      () => connection.open,
      () => this.presence.join(nameOfClient(client), member, id),
    );
    if (joined === undefined) return;
    this.inherited.delete(id);
    if (joined.changed) this.report('client.connected', member);
  }

  private async leave({ client, user, id }: Connection): Promise<void> {
    await this.joining.get(id);
    const holder = this.inherited.get(id) ?? id;
    this.inherited.delete(id);
    try {
      const { changed } = await this.presence.leave(nameOfClient(client), client, holder);
      if (changed) this.report('client.disconnected', { client, details: JSON.stringify({ user }) });
    } catch {
      // The broker does it later, and reports it.
    }
  }

  private report(type: EventType, member: ChannelMember): void {
    const decoded = decodeMember(member);
    if (decoded === undefined) this.inputs.invalid('details', nameOfClient(member.client));
    else this.webhook.add(type, this.presence.now(), decoded, decoded.user);
  }
}
