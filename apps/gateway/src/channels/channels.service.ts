import { hash } from 'node:crypto';
import { BROKER, type BrokerClock, type History, type MessageLog } from '@holdfast/broadcast';
import {
  namespaceOf,
  OWN_CHANNEL_ALIAS,
  USER_NAMESPACE,
  userChannel,
  type HistoryReply,
  type HistoryRequest,
  type Json,
  type Members,
  type Position,
  type Sender,
  type SubscribeReply,
  type SubscribeRequest,
  type UnsubscribedCode,
} from '@holdfast/protocol';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Authenticator, Permissions, type SubscriptionGrant } from '../auth/index.js';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { CONFIG, namespaceOptions, type Config, type NamespaceOptions } from '../config/index.js';
import type { Connection } from '../gateway/connection.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import type { Request } from '../gateway/request.js';
import { KnownChannels } from '../limits/known-channels.js';
import { quotaKeyOf, Quotas, type QuotaUser } from '../limits/quotas.js';
import { Metrics } from '../metrics/metrics.js';
import { AuthorizationWebhook } from '../webhooks/authorization-webhook.js';
import { fromBroker } from './broker-errors.js';
import { Hub } from './hub.js';
import { decodePublication, encodePayload, isNestedWithin, MAX_NESTING } from './message.js';
import { Presence } from './presence.js';
import { Reads, readerOf, type Reader } from './reads.js';
import { Replays, sizeOfHistory } from './replays.js';
import { Subscription } from './subscription.js';

const DEFAULT_PAGE = 100;

/** How often subscriptions are looked at whose token may have ended: it is told within a second. */
const EXPIRY_CHECK_MS = 500;

export interface Publish {
  readonly channel: string;
  readonly data: Json;
  readonly key?: string | undefined;
  /** Whose keys these are: a user, a client or an API key. */
  readonly publisher: string;
  readonly sender?: Sender;
  /** Whose quota its bytes count against; absent for the HTTP API. */
  readonly charged?: QuotaUser;
}

/** What can be done with channels, for the protocol and the HTTP API alike. */
@Injectable()
export class ChannelsService implements OnModuleInit, OnApplicationShutdown {
  private readonly expiring = new Set<Subscription>();
  private readonly known = new KnownChannels();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(BROKER) private readonly broker: MessageLog & BrokerClock,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Permissions) private readonly permissions: Permissions,
    @Inject(AuthorizationWebhook) private readonly webhook: AuthorizationWebhook,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(Replays) private readonly replays: Replays,
    @Inject(Presence) private readonly presence: Presence,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.endExpired(), EXPIRY_CHECK_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async publish({ channel, data, key, publisher, sender, charged }: Publish): Promise<Position> {
    if (!isNestedWithin(data, MAX_NESTING))
      throw new ProtocolError('invalid', `data: nested deeper than ${MAX_NESTING}`);
    const json = JSON.stringify(data);
    const payload = encodePayload(json, sender, key);
    const bytes = Buffer.byteLength(payload);
    if (bytes > this.config.connection.maxPayload) throw new ProtocolError('too_large', 'data');
    if (charged !== undefined) this.quotas.take(charged, 'publishedBytes', bytes);
    const begin = performance.now();
    const { epoch, offset } = await fromBroker(
      this.broker.publish({
        channel,
        payload,
        stream: this.options(channel).stream,
        ...(key === undefined
          ? {}
          : {
              idempotency: {
                publisher,
                key,
                fingerprint: hash('sha1', json, 'base64url'),
                window: this.config.keyWindow,
              },
            }),
      }),
    );
    this.metrics.publishSeconds.observe((performance.now() - begin) / 1000);
    this.metrics.totals.published += 1;
    return { epoch, offset };
  }

  async publishFrom(connection: Connection, name: string, data: Json, key: string | undefined): Promise<Position> {
    const channel = this.resolve(connection, name);
    const { identity, client, user } = connection;
    const subscribed = connection.subscriptions?.has(channel) ?? false;
    if (identity === undefined || !this.permissions.mayPublish(identity, channel, subscribed)) {
      if (!this.webhook.asksAbout('publish')) throw new ProtocolError('forbidden');
      await this.webhook.publish({ user, client, channel }, connection);
    }
    const publisher = quotaKeyOf(connection);
    this.quotas.take(connection, 'publishes');
    this.checkNew(channel, connection);
    return this.publish({
      channel,
      data,
      key,
      publisher,
      charged: connection,
      sender: user === undefined ? { client } : { client, user },
    });
  }

  /** @param pending is answered by what this returns; the replay follows the answer. */
  async subscribe(
    connection: Connection,
    request: SubscribeRequest,
    pending: Pick<Request, 'afterAnswer'>,
  ): Promise<SubscribeReply> {
    const channel = this.resolve(connection, request.channel);
    if (connection.subscriptions?.has(channel)) throw new ProtocolError('already_subscribed');
    const options = this.options(channel);
    if (request.presence && !options.presence) throw new ProtocolError('presence_disabled');
    if (request.last !== undefined && options.history.size === 0) throw new ProtocolError('history_disabled');
    const grant = await this.authorize(connection, channel, request.token);
    if (!connection.open) throw new ProtocolError('not_subscribed');
    if ((connection.subscriptions?.size ?? 0) >= this.config.limits.subscriptions) {
      this.metrics.limited.inc({ limit: 'subscriptions' });
      throw new ProtocolError('too_many_subscriptions');
    }
    this.checkQuotas(connection, channel, request);

    const subscription = new Subscription(
      connection,
      this.hub.channel(channel),
      request.presence ?? false,
      grant,
      this.broker.now(),
    );
    this.hub.add(subscription);
    (connection.subscriptions ??= new Map()).set(channel, subscription);
    try {
      await fromBroker(subscription.channel.ready);
      const { position, recovered, replay } = await this.replays.start(subscription, request);
      refuseEnded(subscription);
      if (options.presence) await this.presence.join(subscription);
      const members = request.presence ? await this.list(subscription) : undefined;
      refuseEnded(subscription);
      if (grant?.expiresAt !== undefined) this.expiring.add(subscription);
      pending.afterAnswer(() => subscription.begin(replay));
      return {
        channel,
        ...position,
        ...(recovered === undefined ? {} : { recovered }),
        ...(request.since === undefined && request.last === undefined ? {} : { replay: replay.length }),
        ...(options.conflate ? { conflated: true } : {}),
        ...members,
      };
    } catch (error) {
      this.drop(subscription);
      throw error;
    }
  }

  unsubscribe(connection: Connection, name: string): string {
    const channel = this.resolve(connection, name);
    const subscription = connection.subscriptions?.get(channel);
    if (subscription === undefined) throw new ProtocolError('not_subscribed');
    this.drop(subscription);
    return channel;
  }

  /** Ends a subscription that its client did not ask to end. */
  kick(subscription: Subscription, code: UnsubscribedCode): void {
    this.drop(subscription);
    subscription.connection.notify('unsubscribed', { channel: subscription.channel.name, code });
  }

  /** Ends what a connection's new identity does not permit any more. */
  recheck({ identity, subscriptions }: Connection): void {
    for (const subscription of subscriptions?.values() ?? []) {
      if (subscription.grant !== undefined || identity === undefined) continue;
      if (!this.permissions.maySubscribe(identity, subscription.channel.name)) this.kick(subscription, 'forbidden');
    }
  }

  /**
   * Ends what a closed connection was subscribed to.
   *
   * @param heir the connection on which its client goes on, if it has another one.
   */
  disconnected(connection: Connection, heir?: Connection): void {
    const subscriptions = [...(connection.subscriptions?.values() ?? [])];
    connection.subscriptions = undefined;
    for (const subscription of subscriptions) this.end(subscription);
    this.presence.disconnected(connection, subscriptions, heir);
  }

  /** Puts a client back among the members of a connection's channels, or of one of them. */
  rejoin({ subscriptions }: Connection, channel?: string): void {
    for (const subscription of subscriptions?.values() ?? []) {
      if (channel === undefined || subscription.channel.name === channel) this.presence.rejoin(subscription);
    }
  }

  async presenceFor(connection: Connection, name: string): Promise<Members> {
    const channel = this.resolve(connection, name);
    await this.checkReader(connection, channel);
    return this.members(channel, readerOf(connection));
  }

  async members(channel: string, reader: Reader): Promise<Members> {
    if (!this.options(channel).presence) throw new ProtocolError('presence_disabled');
    return this.presence.members(channel, reader);
  }

  async historyFor(connection: Connection, request: HistoryRequest): Promise<HistoryReply> {
    const channel = this.resolve(connection, request.channel);
    await this.checkReader(connection, channel);
    return this.history({ ...request, channel }, readerOf(connection));
  }

  async history(
    { channel, since, limit = DEFAULT_PAGE, reverse }: HistoryRequest,
    reader: Reader,
  ): Promise<HistoryReply> {
    if (this.options(channel).history.size === 0) throw new ProtocolError('history_disabled');
    // As much as one answer may hold beside what else waits for its client: a page, not a close.
    const maxBytes = this.config.connection.maxBuffered / 2;
    const query = { since, limit, maxBytes, reverse };
    const read = (): Promise<History> => fromBroker(this.broker.history(channel, query));
    const { epoch, offset, publications } = await this.reads.run(reader, read, sizeOfHistory);
    const decoded = publications.flatMap((publication) => {
      const readable = decodePublication(publication);
      if (readable === undefined) this.inputs.invalid('payload', channel);
      return readable ?? [];
    });
    return { epoch, offset, publications: decoded };
  }

  /** Who is in the channel that a client joins: what was announced before is in it, and not announced to this one. */
  private list(subscription: Subscription): Promise<Members> {
    subscription.listed();
    return this.presence.members(subscription.channel.name, readerOf(subscription.connection));
  }

  /** Before anything is begun: what cannot be finished must not be begun, again and again. */
  private checkQuotas(connection: Connection, channel: string, { since, last, presence }: SubscribeRequest): void {
    if (since !== undefined || last !== undefined || presence) this.quotas.check(connection, 'readBytes');
    if (this.options(channel).presence) this.quotas.check(connection, 'presenceChanges');
    this.hub.checkRoom(channel, connection);
    this.checkNew(channel, connection);
  }

  /** Each channel that nobody used lately makes the broker begin something. */
  private checkNew(channel: string, connection: Connection): void {
    if (this.hub.has(channel) || this.known.has(channel)) return;
    this.quotas.take(connection, 'newChannels');
    this.known.add(channel);
  }

  private options(channel: string): NamespaceOptions {
    return namespaceOptions(this.config, namespaceOf(channel));
  }

  private resolve({ user }: Connection, name: string): string {
    if (name !== OWN_CHANNEL_ALIAS) return name;
    if (user === undefined) throw new ProtocolError('forbidden', 'an anonymous connection has no channel of its own');
    return userChannel(user);
  }

  /** Reading a channel's history or members takes what subscribing takes. */
  private async checkReader(connection: Connection, channel: string): Promise<void> {
    if (!connection.subscriptions?.has(channel)) await this.authorize(connection, channel);
  }

  /** @returns what grants it where neither a rule nor the connection's own token permits it. */
  private async authorize(
    connection: Connection,
    channel: string,
    token?: string,
  ): Promise<SubscriptionGrant | undefined> {
    const { identity, user, client } = connection;
    if (identity !== undefined && this.permissions.maySubscribe(identity, channel)) return undefined;
    // Nothing opens another user's own channel.
    if (namespaceOf(channel) === USER_NAMESPACE) throw new ProtocolError('forbidden');
    if (token !== undefined) {
      const grant = await this.authenticator.subscription(token);
      if (grant.channel !== channel || grant.user !== user) throw new ProtocolError('forbidden');
      return grant;
    }
    if (!this.webhook.asksAbout('subscribe')) throw new ProtocolError('forbidden');
    const expiresAt = await this.webhook.subscribe({ user, client, channel }, connection);
    return { user, channel, ...(expiresAt === undefined ? {} : { expiresAt }) };
  }

  private end(subscription: Subscription): void {
    this.expiring.delete(subscription);
    this.hub.remove(subscription);
  }

  /** Ends a subscription whose connection stays. */
  private drop(subscription: Subscription): void {
    subscription.connection.subscriptions?.delete(subscription.channel.name);
    this.end(subscription);
    this.presence.leave(subscription);
  }

  private endExpired(): void {
    const now = performance.now();
    for (const subscription of this.expiring) {
      if ((subscription.grant?.expiresAt ?? Infinity) <= now) this.kick(subscription, 'token_expired');
    }
  }
}

/** Its client was kicked while it joined, or is not permitted any more. */
function refuseEnded({ ended }: Subscription): void {
  if (ended) throw new ProtocolError('forbidden');
}
