import type { Holdfast, Message, Position, Publication, Subscription } from '@holdfast/client';
import { Presence } from './model/presence.js';
import { Timeline } from './model/timeline.js';
import { Unread } from './model/unread.js';

/** The number of recent messages to load when a room is opened. */
const HISTORY = 50;

interface RoomEvents {
  /** The displayed state has changed. */
  changed(): void;
  /** A message of this page's user has appeared in the stream. */
  delivered(key: string): void;
  /** The room was read up to this position. */
  read(position: Position): void;
}

/** A joined room: its messages, its people, and its unread count. */
export class Room {
  readonly name: string;
  readonly channel: string;
  readonly timeline = new Timeline();
  readonly presence = new Presence();
  readonly #unread: Unread;
  readonly #events: RoomEvents;
  #subscription: Subscription | undefined;
  #user: string | undefined;
  /** The number of outstanding messages of the history; undefined until it is known. */
  #awaited: number | undefined;
  #looking = false;
  #newFrom: string | undefined;

  constructor(name: string, channel: string, read: Position | undefined, events: RoomEvents) {
    this.name = name;
    this.channel = channel;
    this.#unread = new Unread(read);
    this.#events = events;
  }

  get unread(): number {
    return this.#unread.count;
  }

  /** Whether the history has been loaded: an empty room is then known to be empty, and further messages are new. */
  get loaded(): boolean {
    return this.#awaited === 0;
  }

  /** Whether this page is subscribed to the room; false after the gateway ended the subscription. */
  get joined(): boolean {
    return this.#subscription !== undefined;
  }

  /** The id of the first entry that arrived while the room was not visible. */
  get newFrom(): string | undefined {
    return this.#newFrom;
  }

  /** The page's user, once it is known from the gateway. */
  set user(user: string | undefined) {
    this.#user = user;
  }

  /** Whether this room is visible now. */
  set looking(looking: boolean) {
    if (looking === this.#looking) return;
    this.#looking = looking;
    if (looking) this.#markRead();
    else this.#newFrom = undefined;
  }

  /** Subscribes with this client. A closed client is ignored; its successor will subscribe. */
  join(client: Holdfast): void {
    if (client.state === 'closed') return;
    this.#subscription = client.subscribe(
      this.channel,
      {
        message: (message) => {
          if (this.#awaited !== undefined && this.#awaited > 0) this.#awaited -= 1;
          this.#receive(message);
          this.#events.changed();
        },
        gap: (position, reason) => {
          this.timeline.interrupt(position, reason);
          // Everything in the new epoch is unread.
          this.#unread.begin({ epoch: position.epoch, offset: 0 });
          this.#events.changed();
          void this.#reload(client, position.epoch);
        },
        subscribed: (reply) => {
          this.#awaited ??= reply.replay ?? 0;
          if (reply.recovered !== false) {
            this.timeline.begin(reply.epoch);
            this.#unread.begin(reply);
          }
          this.#events.changed();
        },
        members: (members) => {
          this.presence.replace(members);
          this.#events.changed();
        },
        join: (member) => {
          this.presence.join(member);
          this.#events.changed();
        },
        leave: (member) => {
          this.presence.leave(member);
          this.#events.changed();
        },
        unsubscribed: () => this.#end('removed'),
        error: () => this.#end('refused'),
      },
      { last: HISTORY, presence: true },
    );
  }

  leave(): void {
    void this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  /** The person has seen the new messages, because they reply. */
  settleNew(): void {
    this.#newFrom = undefined;
  }

  #receive(message: Message | Publication): void {
    const entry = this.timeline.receive(message, this.#user);
    if (entry === undefined) return;
    if (entry.author.own && entry.key !== undefined) this.#events.delivered(entry.key);
    const unread = this.#unread.arrive(message.offset, entry.author.own);
    if (this.#looking) this.#markRead();
    else if (unread) this.#newFrom ??= entry.id;
  }

  /** After a gap, loads the remaining history and shows it below the notice. */
  async #reload(client: Holdfast, epoch: string): Promise<void> {
    try {
      const history = await client.history(this.channel, { limit: HISTORY, reverse: true });
      if (history.epoch !== epoch) return;
      for (const publication of history.publications.toReversed()) this.#receive(publication);
      this.#events.changed();
    } catch {
      // The notice already says that messages may be missing.
    }
  }

  #end(reason: 'removed' | 'refused'): void {
    this.#awaited = 0;
    this.#subscription = undefined;
    this.timeline.notice(reason);
    this.#events.changed();
  }

  #markRead(): void {
    const position = this.#unread.read();
    if (position !== undefined) this.#events.read(position);
  }
}
