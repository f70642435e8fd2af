import { OWN_CHANNEL_ALIAS, USER_NAMESPACE } from '@holdfast/protocol';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { Listener } from './listener.js';
import type { OptionalHandlers, SubscriptionOptions } from './subscription.js';
import { Topic, type TopicOwner } from './topic.js';

export interface TopicsOptions extends Omit<TopicOwner, 'forget'> {
  readonly connection: () => Connection | undefined;
}

/** All subscriptions of the application, by the channel that they share at the gateway. */
export class Topics {
  readonly #connection: () => Connection | undefined;
  readonly #owner: TopicOwner;
  readonly #topics = new Map<string, Topic>();
  /** The user of the latest connection. */
  #user: string | undefined;

  constructor({ connection, ...options }: TopicsOptions) {
    this.#connection = connection;
    this.#owner = {
      ...options,
      forget: (topic) => {
        if (this.#topics.get(topic.channel) === topic) this.#topics.delete(topic.channel);
        options.progressed();
      },
    };
  }

  subscribe<T>(channel: string, handlers: OptionalHandlers<T>, options: SubscriptionOptions): Listener<T> {
    const listener = new Listener<T>(channel, handlers, options, async (self) => {
      if (self.isOver) return;
      const topic = this.#topics.get(this.#keyOf(channel));
      self.end(new HoldfastError('closed', `unsubscribed from ${channel}`));
      await topic?.remove(self as never);
    });
    const end = () => void listener.unsubscribe();
    const { signal } = options;
    if (signal?.aborted) {
      end();
    } else {
      signal?.addEventListener('abort', end);
      this.#enter(listener as never);
    }
    return listener;
  }

  /** Moves all subscriptions to a connection. */
  attach(connection: Connection): void {
    const user = connection.welcome?.user;
    if (this.#user !== user) {
      this.#user = user;
      this.#regroup();
    }
    for (const topic of this.#topics.values()) topic.attach(connection);
  }

  /** Called when a connection is not used any more. */
  detach(connection: Connection): void {
    for (const topic of this.#topics.values()) topic.detach(connection);
  }

  /** Whether all subscriptions are served by this connection alone. */
  areOn(connection: Connection): boolean {
    return [...this.#topics.values()].every((topic) => topic.isOn(connection));
  }

  /** Ends all without notifying the gateway. @param failure why, unless the application ended them. */
  end(why: HoldfastError, failure: HoldfastError | undefined): void {
    for (const topic of this.#topics.values()) topic.end(why, failure);
  }

  /** A channel's name at the gateway. One subscription serves `@me` and the user's own channel. */
  #keyOf(channel: string): string {
    return channel === OWN_CHANNEL_ALIAS && this.#user !== undefined ? ownChannel(this.#user) : channel;
  }

  #enter(listener: Listener<never>): void {
    const key = this.#keyOf(listener.channel);
    let topic = this.#topics.get(key);
    if (topic === undefined) {
      topic = new Topic(key, listener, this.#owner);
      this.#topics.set(key, topic);
    }
    topic.add(listener);
    const connection = this.#connection();
    if (connection) topic.attach(connection);
  }

  /** `@me` is another channel for another user. */
  #regroup(): void {
    for (const topic of this.#topics.values()) {
      for (const listener of topic.listeners) {
        if (this.#keyOf(listener.channel) === topic.channel) continue;
        void topic.remove(listener);
        this.#enter(listener);
      }
    }
  }
}

/** As `userChannel` of the protocol, for a user id from the gateway. */
function ownChannel(user: string): string {
  const encoded = encodeURIComponent(user).replace(
    /[!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return USER_NAMESPACE + encoded;
}
