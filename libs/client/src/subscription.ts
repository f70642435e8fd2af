import type { Member, Members, Message, Position, SubscribeReply, UnsubscribedCode } from '@holdfast/protocol';
import { Backoff, type BackoffOptions } from './backoff.js';
import type { ChannelFrame, Connection } from './connection.js';
import { runSafely } from './emitter.js';
import { HoldfastError } from './errors.js';
import { Handover, type Feed, type GapReason } from './handover.js';
import { after, type Cancel } from './timers.js';

export interface SubscriptionHandlers {
  /** Every message, once, in the order of its offsets. */
  message(message: Message): void;
  /**
   * Messages before `position` were lost: reload your state. Messages continue after `position`; this is called before any
   * of them.
   */
  gap(position: Position, reason: GapReason): void;
  /** The gateway's reply to the first subscribe, and to those after a reconnect, before the replayed messages. */
  subscribed?(reply: SubscribeReply): void;
  /** A member joined. Like `leave` and `members`, only with the option `presence`. */
  join?(member: Member): void;
  leave?(member: Member): void;
  /** The complete list, at the beginning and whenever joins or leaves may have been missed. */
  members?(members: Members): void;
  /** The gateway ended the subscription. */
  unsubscribed?(code: UnsubscribedCode): void;
  /** The gateway refused the subscription with an error that is not retryable, which ends it. Without this handler it goes to the client's `error` event. */
  error?(error: HoldfastError): void;
}

export interface SubscriptionOptions {
  /** Begin with up to this many recent messages, 1–1,000. */
  readonly last?: number | undefined;
  /** Begin after this position, for example an earlier {@link Subscription.position}. Takes precedence over `last`. */
  readonly since?: Position | undefined;
  /** Receive presence: `members`, `join` and `leave`. */
  readonly presence?: boolean | undefined;
  /** Returns a subscription token. Called at the first subscribe, and again if the gateway refuses the token or it expired. */
  readonly token?: ((channel: string) => string | Promise<string>) | undefined;
}

/** A subscription to a channel, which lasts across connections until {@link Subscription.unsubscribe}. */
export interface Subscription {
  readonly channel: string;
  /** The last delivered position; undefined before the first reply. */
  readonly position: Position | undefined;
  /** The gateway's reply to the first subscribe. Rejects with a {@link HoldfastError} that is not retryable. */
  readonly ready: Promise<SubscribeReply>;
  /** Ends the subscription: nothing is delivered from now on. Resolves when the gateway has confirmed it, or is not reachable. */
  unsubscribe(): Promise<void>;
}

type PresenceFrame = Extract<ChannelFrame, { event: 'join' | 'leave' | 'members' }>;

export interface SubscriptionOwner {
  report(error: HoldfastError): void;
  /** The subscription made progress on a connection, so the previous one may not be needed any more. */
  progressed(): void;
  /** The subscription ended, and its channel can be subscribed to again. */
  forget(): void;
}

interface Attachment {
  readonly feed: Feed;
  /** The channel's name in the gateway's frames, which differs from an alias (`@me`). */
  readonly name: string;
}

export class ChannelSubscription implements Subscription {
  readonly channel: string;
  readonly ready: Promise<SubscribeReply>;

  readonly #handlers: SubscriptionHandlers;
  readonly #options: SubscriptionOptions;
  readonly #owner: SubscriptionOwner;
  readonly #backoff: Backoff;
  readonly #handover: Handover;
  readonly #settleReady: PromiseWithResolvers<SubscribeReply>;
  readonly #attachments = new Map<Connection, Attachment>();
  /** Connections with a subscribe in progress. */
  readonly #asked = new Set<Connection>();
  /** The connection to use; older ones are only kept until it works. */
  #target: Connection | undefined;
  #token: string | undefined;
  #isTokenNew = false;
  #isOver = false;
  #cancelRetry: Cancel = () => {};

  constructor(
    channel: string,
    handlers: SubscriptionHandlers,
    options: SubscriptionOptions,
    backoff: BackoffOptions,
    owner: SubscriptionOwner,
  ) {
    this.channel = channel;
    this.#handlers = handlers;
    this.#options = options;
    this.#owner = owner;
    this.#backoff = new Backoff(backoff);
    this.#handover = new Handover(
      {
        message: (message) => this.#notify(() => handlers.message(message)),
        gap: (position, reason) => this.#notify(() => handlers.gap(position, reason)),
      },
      options.since,
    );
    this.#settleReady = Promise.withResolvers();
    this.ready = this.#settleReady.promise;
    // The handlers and the client's events report it too, so the promise may be ignored.
    this.ready.catch(() => {});
  }

  get position(): Position | undefined {
    return this.#handover.position;
  }

  /** Moves to a connection. The previous ones are used until the new one delivers everything. */
  attach(connection: Connection): void {
    this.#target = connection;
    this.#backoff.reset();
    this.#subscribe(connection);
  }

  /** Called when a connection has ended. */
  detach(connection: Connection): void {
    this.#asked.delete(connection);
    const attachment = this.#attachments.get(connection);
    if (attachment === undefined) return;
    connection.routes.delete(attachment.name);
    this.#attachments.delete(connection);
    this.#handover.end(attachment.feed);
  }

  /** Whether this connection alone delivers everything. */
  isOn(connection: Connection): boolean {
    const attachment = this.#attachments.get(connection);
    return attachment !== undefined && attachment.feed.held === undefined;
  }

  unsubscribe(): Promise<void> {
    return this.#leave(new HoldfastError('closed', `unsubscribed from ${this.channel}`));
  }

  /** Ends without notifying the gateway. */
  end(error: HoldfastError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelRetry();
    for (const connection of this.#attachments.keys()) this.detach(connection);
    this.#settleReady.reject(error);
    this.#owner.forget();
  }

  #subscribe(connection: Connection): void {
    this.#cancelRetry();
    if (this.#isOver || this.#target !== connection) return;
    if (this.#attachments.has(connection) || this.#asked.has(connection)) return;
    this.#asked.add(connection);
    const { token } = this.#options;
    if (token === undefined || this.#token !== undefined) this.#request(connection);
    else void this.#askToken(connection, token);
  }

  async #askToken(connection: Connection, ask: (channel: string) => string | Promise<string>): Promise<void> {
    try {
      this.#token = await ask(this.channel);
    } catch (cause) {
      const message = `the token callback of ${this.channel} failed`;
      this.#refused(connection, new HoldfastError('token_failed', message, { retryable: true, cause }));
      return;
    }
    if (!this.#isOver && this.#asked.has(connection)) this.#request(connection);
  }

  #request(connection: Connection): void {
    const since = this.position;
    const { last, presence } = this.#options;
    const start = since === undefined ? { last } : { since };
    const request = { channel: this.channel, ...start, presence, token: this.#token };
    connection.request('subscribe', JSON.stringify(request), {
      done: (reply) => this.#accepted(connection, reply, since),
      failed: (error) => this.#refused(connection, error),
    });
  }

  #accepted(connection: Connection, reply: SubscribeReply, since: Position | undefined): void {
    // If the subscription has ended, an unsubscribe has been sent after the subscribe.
    if (this.#isOver || !this.#asked.has(connection)) return;
    const isMove = this.#attachments.size > 0;
    this.#backoff.reset();
    this.#isTokenNew = false;
    this.#settleReady.resolve(reply);

    const feed = this.#handover.open(reply, since);
    // The application may have unsubscribed in its gap handler.
    if (this.#isOver) return;
    this.#asked.delete(connection);
    this.#attachments.set(connection, { feed, name: reply.channel });
    connection.routes.set(reply.channel, (frame) => this.#receive(connection, feed, frame));
    if (!isMove) this.#notify(() => this.#handlers.subscribed?.(reply));
    const { members, count } = reply;
    if (members !== undefined && count !== undefined) {
      this.#notify(() => this.#handlers.members?.({ members, count }));
    }
    this.#owner.progressed();
  }

  #refused(connection: Connection, error: HoldfastError): void {
    if (!this.#asked.delete(connection)) return;
    // Without a connection there is nothing to retry on: the next one will be attached.
    if (this.#isOver || connection !== this.#target || error.code === 'disconnected') return;
    // The subscribe may have succeeded, and a second one would be refused.
    if (error.code === 'timeout') void this.#sendUnsubscribe(connection);

    const isTokenRefused = error.code === 'forbidden' || error.code === 'unauthorized';
    if (isTokenRefused && this.#options.token !== undefined && !this.#isTokenNew) {
      this.#isTokenNew = true;
      this.#token = undefined;
      this.#subscribe(connection);
    } else if (error.retryable) {
      this.#owner.report(error);
      this.#cancelRetry = after(this.#backoff.next(), () => this.#subscribe(connection));
    } else {
      void this.#leave(error);
      if (this.#handlers.error === undefined) this.#owner.report(error);
      else runSafely(() => this.#handlers.error?.(error));
    }
  }

  #receive(connection: Connection, feed: Feed, frame: ChannelFrame): void {
    const isMoving = this.#attachments.size > 1;
    switch (frame.event) {
      case 'message':
        this.#handover.message(feed, frame.data);
        break;
      case 'gap':
        this.#handover.gap(feed, { epoch: frame.data.epoch, offset: frame.data.offset });
        break;
      case 'unsubscribed':
        return this.#dismissed(connection, frame.data.code);
      default:
        // Both connections report presence; use the newer one, which began with the complete list.
        if (connection === [...this.#attachments.keys()].at(-1)) this.#notify(() => this.#notifyPresence(frame));
    }
    if (isMoving) this.#owner.progressed();
  }

  #notifyPresence({ event, data }: PresenceFrame): void {
    switch (event) {
      case 'join':
        return this.#handlers.join?.(data.member);
      case 'leave':
        return this.#handlers.leave?.(data.member);
      case 'members':
        return this.#handlers.members?.({ members: data.members, count: data.count });
    }
  }

  #dismissed(connection: Connection, code: UnsubscribedCode): void {
    this.detach(connection);
    // The subscription continues on the connection that it moves to.
    if (connection !== this.#target) return;
    // Without a token it was a temporary permission, which may be granted again.
    if (code === 'token_expired') {
      this.#token = undefined;
      this.#isTokenNew = true;
      this.#subscribe(connection);
      return;
    }
    void this.#leave(new HoldfastError(code, `the gateway ended the subscription to ${this.channel}`));
    runSafely(() => this.#handlers.unsubscribed?.(code));
  }

  async #leave(why: HoldfastError): Promise<void> {
    const connections = new Set([...this.#attachments.keys(), ...this.#asked]);
    this.end(why);
    await Promise.all(Array.from(connections, (connection) => this.#sendUnsubscribe(connection)));
  }

  #sendUnsubscribe(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const answer = { done: () => resolve(), failed: () => resolve() };
      connection.request('unsubscribe', JSON.stringify({ channel: this.channel }), answer);
    });
  }

  #notify(run: () => void): void {
    if (!this.#isOver) runSafely(run);
  }
}
