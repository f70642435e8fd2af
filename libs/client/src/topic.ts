import type { Position, SubscribeReply, UnsubscribedCode } from '@holdfast/protocol';
import { Backoff, type BackoffOptions } from './backoff.js';
import type { ChannelFrame, Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { Handover, type Feed } from './handover.js';
import { Listeners, type AnyListener, type ListenersOwner } from './listeners.js';
import type { HandlerCall } from './subscription.js';
import { after, type Cancel } from './timers.js';
import { askForToken, isSignedOut } from './token.js';

type PresenceFrame = Extract<ChannelFrame, { event: 'join' | 'leave' | 'members' }>;

export interface TopicOwner extends ListenersOwner {
  readonly timeout: number;
  readonly backoff: BackoffOptions;
  /** The subscription made progress on a connection, so the previous one may not be needed any more. */
  progressed(): void;
  /** The topic is over. */
  forget(topic: Topic): void;
}

interface Attachment {
  readonly feed: Feed;
  /** The channel's name in the gateway's frames, which differs from an alias (`@me`). */
  readonly name: string;
  readonly receive: (frame: ChannelFrame) => void;
}

/** A channel's subscription at the gateway, for all listeners of the application. */
export class Topic {
  readonly channel: string;
  readonly #owner: TopicOwner;
  readonly #backoff: Backoff;
  readonly #handover: Handover;
  readonly #listeners: Listeners;
  readonly #attachments = new Map<Connection, Attachment>();
  /** Connections with a subscribe in progress, and an object for each subscribe. */
  readonly #asked = new Map<Connection, object>();
  /** The connection to use; older ones are only kept until it works. */
  #target: Connection | undefined;
  /** The latest reply, which those that come later get. */
  #reply: SubscribeReply | undefined;
  #hasPresence = false;
  #token: string | undefined;
  #isTokenNew = false;
  #isOver = false;
  #cancelRetry: Cancel = () => {};

  /** @param first its options decide with which messages the subscription begins. */
  constructor(channel: string, first: AnyListener, owner: TopicOwner) {
    this.channel = channel;
    this.#owner = owner;
    this.#backoff = new Backoff(owner.backoff);
    this.#listeners = new Listeners(channel, owner);
    this.#handover = new Handover(
      {
        message: (message) => {
          const { position } = this.#handover;
          if (position) this.#listeners.each((listener) => listener.message(message, position));
        },
        gap: (position, reason) => this.#listeners.each((listener) => listener.gap(position, reason)),
      },
      first.options.since,
    );
  }

  get listeners(): readonly AnyListener[] {
    return this.#listeners.all;
  }

  add(listener: AnyListener): void {
    this.#listeners.add(listener);
    const needsPresence = listener.options.presence === true && !this.#hasPresence;
    this.#hasPresence ||= needsPresence;
    const { position } = this.#handover;
    if (this.#reply === undefined || position === undefined) return;
    this.#listeners.join(listener, this.#reply, position);
    if (needsPresence) this.#again();
    else if (listener.options.presence) void this.#listeners.readMembers(listener);
  }

  /** Ends a listener's part. Resolves when the gateway has confirmed the end of the last one. */
  async remove(listener: AnyListener): Promise<void> {
    if (this.#listeners.remove(listener))
      await this.#leave(new HoldfastError('closed', `unsubscribed from ${this.channel}`));
  }

  /** Moves to a connection. The previous ones are used until the new one delivers everything. */
  attach(connection: Connection): void {
    this.#target = connection;
    this.#backoff.reset();
    this.#subscribe(connection);
  }

  /** Called when a connection is not used any more. */
  detach(connection: Connection): void {
    this.#asked.delete(connection);
    if (this.#target === connection) this.#target = undefined;
    const attachment = this.#attachments.get(connection);
    if (attachment === undefined) return;
    const { name, receive, feed } = attachment;
    if (connection.routes.get(name) === receive) connection.routes.delete(name);
    this.#attachments.delete(connection);
    this.#handover.end(feed);
  }

  /** Whether this connection alone delivers everything. */
  isOn(connection: Connection): boolean {
    const attachment = this.#attachments.get(connection);
    return attachment !== undefined && attachment.feed.held === undefined;
  }

  /** Ends without notifying the gateway. @param failure why, unless the application ended it. */
  end(why: HoldfastError, failure?: HoldfastError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelRetry();
    for (const listener of this.listeners) listener.end(why, failure);
    for (const connection of this.#attachments.keys()) this.detach(connection);
    this.#owner.forget(this);
  }

  /** Subscribes again with presence, which a later listener asked for. */
  #again(): void {
    const connection = this.#target;
    if (connection === undefined) return;
    void this.#sendUnsubscribe(connection);
    this.detach(connection);
    this.attach(connection);
  }

  #subscribe(connection: Connection): void {
    this.#cancelRetry();
    if (this.#isOver || this.#target !== connection) return;
    if (this.#attachments.has(connection) || this.#asked.has(connection)) return;
    this.#asked.set(connection, {});
    const ask = this.#askToken;
    if (ask === undefined || this.#token !== undefined) this.#request(connection);
    else void this.#requestWithToken(connection, ask);
  }

  get #askToken() {
    return this.listeners.find(({ options }) => options.token)?.options.token;
  }

  async #requestWithToken(connection: Connection, ask: (channel: string) => string | Promise<string>): Promise<void> {
    const { channel } = this;
    const asked = this.#asked.get(connection);
    try {
      this.#token = await askForToken(`the token callback of ${channel}`, () => ask(channel), this.#owner.timeout);
    } catch (error) {
      if (this.#asked.get(connection) === asked) this.#refused(connection, error as HoldfastError);
      return;
    }
    if (!this.#isOver && this.#asked.get(connection) === asked) this.#request(connection);
  }

  #request(connection: Connection): void {
    const since = this.#handover.position;
    const [first] = this.listeners;
    const start = since === undefined ? { last: first?.options.last } : { since };
    const presence = this.#hasPresence || undefined;
    const request = { channel: this.channel, ...start, presence, token: this.#token };
    const asked = this.#asked.get(connection);
    // Another subscribe may have followed.
    const isCurrent = () => this.#asked.get(connection) === asked;
    connection.request('subscribe', JSON.stringify(request), {
      done: (reply) => {
        if (isCurrent()) this.#accepted(connection, reply, since, first);
        if (this.#hasPresence && !presence) this.#again();
      },
      failed: (error) => {
        if (isCurrent()) this.#refused(connection, error);
      },
    });
  }

  #accepted(
    connection: Connection,
    reply: SubscribeReply,
    since: Position | undefined,
    first: AnyListener | undefined,
  ): void {
    // If the subscription has ended, an unsubscribe has been sent after the subscribe.
    if (this.#isOver) return;
    const isMove = this.#attachments.size > 0;
    const isFirst = this.#reply === undefined;
    this.#backoff.reset();
    this.#isTokenNew = false;
    this.#reply = reply;
    if (isFirst && first) first.isLive = true;

    const feed = this.#handover.open(reply, since);
    // The application may have unsubscribed in its gap handler.
    if (this.#isOver) return;
    this.#asked.delete(connection);
    const receive = (frame: ChannelFrame) => this.#receive(connection, feed, frame);
    this.#attachments.set(connection, { feed, name: reply.channel, receive });
    connection.routes.set(reply.channel, receive);
    for (const listener of this.listeners) {
      if (isFirst && listener === first) listener.begin(reply, this.#handover.position ?? reply);
      else if (!listener.isLive) this.#listeners.join(listener, reply, { epoch: reply.epoch, offset: reply.offset });
      else if (!isMove) listener.subscribed(reply);
    }
    const { members, count } = reply;
    if (members !== undefined && count !== undefined) {
      this.#listeners.notifyPresence('members', { members, count });
    }
    this.#owner.progressed();
  }

  #refused(connection: Connection, error: HoldfastError): void {
    if (!this.#asked.delete(connection)) return;
    // Without a connection there is nothing to retry on: the next one will be attached.
    if (this.#isOver || connection !== this.#target || error.code === 'disconnected') return;
    // The subscribe may have succeeded, and a second one would be refused.
    if (error.code === 'timeout') void this.#sendUnsubscribe(connection);

    const isTokenRefused = error.code === 'forbidden' || (isSignedOut(error) && this.#token !== undefined);
    if (isTokenRefused && this.#askToken !== undefined && !this.#isTokenNew) {
      this.#isTokenNew = true;
      this.#token = undefined;
      this.#subscribe(connection);
    } else if (error.retryable) {
      this.#owner.report(error);
      this.#cancelRetry = after(this.#backoff.next(), () => this.#subscribe(connection));
    } else {
      this.#fail(error, 'error', error);
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
      default: {
        // Both connections report presence; use the newer one, which began with the complete list.
        const newest = [...this.#attachments.keys()].pop();
        if (connection === newest) this.#presence(frame);
      }
    }
    if (isMoving) this.#owner.progressed();
  }

  #presence({ event, data }: PresenceFrame): void {
    if (event === 'members') this.#listeners.notifyPresence(event, { members: data.members, count: data.count });
    else this.#listeners.notifyPresence(event, data.member);
  }

  #dismissed(connection: Connection, code: UnsubscribedCode): void {
    const isTarget = connection === this.#target;
    this.detach(connection);
    // The subscription continues on the connection that it moves to.
    if (!isTarget) return;
    // Without a token it was a temporary permission, which may be granted again.
    if (code === 'token_expired') {
      this.#token = undefined;
      this.#isTokenNew = true;
      return this.attach(connection);
    }
    const error = new HoldfastError(code, `the gateway ended the subscription to ${this.channel}`);
    this.#fail(error, 'unsubscribed', code);
  }

  /** Ends the subscription because of the gateway. @param call the handler for it. */
  #fail(error: HoldfastError, ...call: HandlerCall): void {
    const { listeners } = this;
    void this.#leave(error, error);
    const isHeard = listeners.map((listener) => listener.call(...call));
    if (isHeard.includes(false)) this.#owner.report(error);
  }

  async #leave(why: HoldfastError, failure?: HoldfastError): Promise<void> {
    const connections = new Set([...this.#attachments.keys(), ...this.#asked.keys()]);
    this.end(why, failure);
    await Promise.all(Array.from(connections, (connection) => this.#sendUnsubscribe(connection)));
  }

  #sendUnsubscribe(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const answer = { done: () => resolve(), failed: () => resolve() };
      connection.request('unsubscribe', JSON.stringify({ channel: this.channel }), answer);
    });
  }
}
