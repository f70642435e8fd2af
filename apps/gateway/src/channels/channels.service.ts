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
  type PublishRequest,
  type Sender,
  type SubscribeReply,
  type SubscribeRequest,
  type UnsubscribedCode,
} from '@holdfast/protocol';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Authenticator, Permissions, type SubscriptionGrant } from '../auth/index.js';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { CONFIG, namespaceOptions, type Config, type NamespaceOptions } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { LatestKeys } from '../connection/latest-keys.js';
import { ProtocolError } from '../errors/protocol-error.js';
import type { Request } from '../connection/request.js';
import { KnownChannels } from './known-channels.js';
import { quotaKeyOf, Quotas, type QuotaUser } from '../limits/quotas.js';
import { Metrics } from '../metrics/metrics.js';
import { AuthorizationWebhook } from '../auth/authorization-webhook.js';
import { fromBroker } from '../errors/broker-errors.js';
import { inSpan, Tracing, type Span } from '../tracing/tracing.js';
import { Hub } from './hub.js';
import { decodePublication, encodePayload, isNestedWithin, MAX_NESTING, TRACE_BYTES, withTrace } from './message.js';
import { Presence } from './presence.js';
import { Reads, readerOf, type Reader } from './reads.js';
import { Replays, sizeOfHistory } from './replays.js';
import { Subscription } from './subscription.js';
import { ownSubscriptions, subscriptionsOf } from './subscriptions.js';

const DEFAULT_PAGE = 100;

/** How often expiring subscriptions are checked: their clients are notified within a second. */
const EXPIRY_CHECK_MS = 500;

export interface Publish {
  readonly channel: string;
  readonly data: Json;
  readonly key?: string | undefined;
  /** Whose idempotency keys these are: a user's, a client's or an API key's. */
  readonly publisher: string;
  readonly sender?: Sender;
  /** Whose quota the bytes count against; absent for the HTTP API. */
  readonly charged?: QuotaUser;
  /** The W3C trace context that it belongs to, which has not been validated. */
  readonly traceparent?: string | undefined;
}

/** What can be done with channels, by the protocol and by the HTTP API. */
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
    @Inject(Tracing) private readonly tracing: Tracing,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.endExpired(), EXPIRY_CHECK_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  publish(publication: Publish): Promise<Position> {
    const { channel, traceparent } = publication;
    const span = traceparent === undefined ? undefined : this.tracing.tracer?.publish(channel, traceparent);
    return span === undefined ? this.store(publication) : inSpan(span, () => this.store(publication, span));
  }

  private async store({ channel, data, key, publisher, sender, charged }: Publish, span?: Span): Promise<Position> {
    if (!isNestedWithin(data, MAX_NESTING))
      throw new ProtocolError('invalid', `data is nested deeper than ${MAX_NESTING} levels`);
    const json = JSON.stringify(data);
    const { maxPayload } = this.config.connection;
    const untraced = encodePayload(json, sender, key);
    const bytes = Buffer.byteLength(untraced);
    if (bytes > maxPayload) throw new ProtocolError('too_large', 'data');
    const hasTrace = span !== undefined && bytes + TRACE_BYTES <= maxPayload;
    const payload = hasTrace ? withTrace(untraced, span.traceparent) : untraced;
    if (charged !== undefined) this.quotas.take(charged, 'publishedBytes', bytes);
    const begin = performance.now();
    const { publishing } = this.hub;
    publishing.add(payload);
    try {
      const stored = this.broker.publish({
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
      });
      const { epoch, offset } = await fromBroker(span === undefined ? stored : inSpan(span.store(), () => stored));
      this.metrics.publishSeconds.observe((performance.now() - begin) / 1000, span?.ids);
      this.metrics.totals.published += 1;
      return { epoch, offset };
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : 'internal';
      // A key conflict is a mistake of the publisher.
      if (code !== 'key_conflict') this.metrics.publishFailures.inc({ code });
      throw error;
    } finally {
      publishing.delete(payload);
    }
  }

  async publishFrom(connection: Connection, request: PublishRequest, traceparent?: string): Promise<Position> {
    const { data, key, after } = request;
    const channel = this.resolve(connection, request.channel);
    // Requests for one channel are handled in order, so that the previous one has been answered.
    if (after !== undefined && !connection.published?.isLatest(channel, after)) throw new ProtocolError('out_of_order');
    const { identity, client, user } = connection;
    const subscribed = subscriptionsOf(connection)?.has(channel) ?? false;
    if (identity === undefined || !this.permissions.mayPublish(identity, channel, subscribed)) {
      if (!this.webhook.asksAbout('publish')) throw new ProtocolError('forbidden');
      await this.webhook.publish({ user, client, channel }, connection);
    }
    const publisher = quotaKeyOf(connection);
    this.quotas.take(connection, 'publishes');
    this.checkNew(channel, connection);
    const position = await this.publish({
      channel,
      data,
      key,
      publisher,
      charged: connection,
      traceparent,
      sender: user === undefined ? { client } : { client, user },
    });
    if (key !== undefined) (connection.published ??= new LatestKeys()).add(channel, key);
    return position;
  }

  /** @param pending is answered with what this returns. The replay follows the answer. */
  async subscribe(
    connection: Connection,
    request: SubscribeRequest,
    pending: Pick<Request, 'afterAnswer'>,
  ): Promise<SubscribeReply> {
    const channel = this.resolve(connection, request.channel);
    if (subscriptionsOf(connection)?.has(channel)) throw new ProtocolError('already_subscribed');
    const options = this.options(channel);
    if (request.presence && !options.presence) throw new ProtocolError('presence_disabled');
    if (request.last !== undefined && options.history.size === 0) throw new ProtocolError('history_disabled');
    const grant = await this.authorize(connection, channel, request.token);
    if (!connection.open) throw new ProtocolError('not_subscribed');
    if ((subscriptionsOf(connection)?.size ?? 0) >= this.config.limits.subscriptions) {
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
    ownSubscriptions(connection).set(channel, subscription);
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
    const subscription = subscriptionsOf(connection)?.get(channel);
    if (subscription === undefined) throw new ProtocolError('not_subscribed');
    this.drop(subscription);
    return channel;
  }

  /** Ends a subscription, and notifies its client. */
  private kick(subscription: Subscription, code: UnsubscribedCode): void {
    this.drop(subscription);
    subscription.connection.notify('unsubscribed', { channel: subscription.channel.name, code });
  }

  /**
   * Ends a connection's subscription to a channel, if there is one that began early enough.
   *
   * @param begunBy by the broker's clock, in ms since the Unix epoch.
   */
  kickFrom(connection: Connection, channel: string, begunBy = Infinity): void {
    const subscription = subscriptionsOf(connection)?.get(channel);
    if (subscription !== undefined && subscription.since <= begunBy) this.kick(subscription, 'kicked');
  }

  /** Ends subscriptions that a connection's new identity no longer permits. */
  recheck(connection: Connection): void {
    const { identity } = connection;
    for (const subscription of subscriptionsOf(connection)?.values() ?? []) {
      if (subscription.grant !== undefined || identity === undefined) continue;
      if (!this.permissions.maySubscribe(identity, subscription.channel.name)) this.kick(subscription, 'forbidden');
    }
  }

  /**
   * Ends the subscriptions of a closed connection.
   *
   * @param heir the connection on which its client continues, if there is one.
   */
  disconnected(connection: Connection, heir?: Connection): void {
    const all = subscriptionsOf(connection);
    const subscriptions = [...(all?.values() ?? [])];
    all?.clear();
    for (const subscription of subscriptions) this.end(subscription);
    this.presence.disconnected(connection, subscriptions, heir);
  }

  /** Ends the memberships of a client whose connection continues as another client. */
  leaveAsMember(connection: Connection): void {
    for (const subscription of subscriptionsOf(connection)?.values() ?? []) this.presence.leave(subscription);
  }

  /** Makes a client a member again of its connection's channels, or of one of them. */
  rejoin(connection: Connection, channel?: string): void {
    for (const subscription of subscriptionsOf(connection)?.values() ?? []) {
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
    // A part of the buffer, so that the answer and other data for the client fit: a page, and not a close.
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

  /**
   * The members of a channel that a client joins. Earlier joins and leaves are in the list, and not announced to the
   * client.
   */
  private list(subscription: Subscription): Promise<Members> {
    subscription.listed();
    return this.presence.members(subscription.channel.name, readerOf(subscription.connection));
  }

  /** Checked before anything starts. Otherwise a client could repeatedly start what it may not finish. */
  private checkQuotas(connection: Connection, channel: string, { since, last, presence }: SubscribeRequest): void {
    if (since !== undefined || last !== undefined || presence) this.quotas.check(connection, 'readBytes');
    if (this.options(channel).presence) this.quotas.check(connection, 'presenceChanges');
    this.hub.checkRoom(channel, connection);
    this.checkNew(channel, connection);
  }

  /** A channel that was not used lately costs the broker something to set up. */
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
    if (user === undefined) throw new ProtocolError('forbidden', 'anonymous clients have no channel of their own');
    return userChannel(user);
  }

  /** Reading a channel's history or members takes the same permission as subscribing. */
  private async checkReader(connection: Connection, channel: string): Promise<void> {
    if (!subscriptionsOf(connection)?.has(channel)) await this.authorize(connection, channel);
  }

  /** @returns what grants it, if neither a rule nor the connection's own token does. */
  private async authorize(
    connection: Connection,
    channel: string,
    token?: string,
  ): Promise<SubscriptionGrant | undefined> {
    const { identity, user, client } = connection;
    if (identity !== undefined && this.permissions.maySubscribe(identity, channel)) return undefined;
    // Nothing grants access to another user's own channel.
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

  /** Ends a subscription while its connection continues. */
  private drop(subscription: Subscription): void {
    subscriptionsOf(subscription.connection)?.delete(subscription.channel.name);
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

/** Its client was kicked while joining, or lost its permission. */
function refuseEnded({ ended }: Subscription): void {
  if (ended) throw new ProtocolError('forbidden');
}
