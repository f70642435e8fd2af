import type { Holdfast, Message, Position, Publication, Subscription } from '@holdfast/client';
import { Presence } from './model/presence.js';
import { Timeline } from './model/timeline.js';
import { Unread } from './model/unread.js';

/** How many recent messages a room begins with. */
const HISTORY = 50;

interface RoomEvents {
  /** Something to show has changed. */
  changed(): void;
  /** A message of this page's user is in the stream. */
  delivered(key: string): void;
  /** The room was looked at, up to this position. */
  read(position: Position): void;
}

/** A room that was joined: what it shows, who is in it, and what has not been looked at. */
export class Room {
  readonly name: string;
  readonly channel: string;
  readonly timeline = new Timeline();
  readonly presence = new Presence();
  readonly #unread: Unread;
  readonly #events: RoomEvents;
  #subscription: Subscription | undefined;
  #user: string | undefined;
  /** How many messages of the history are still to come; undefined until that is known. */
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

  /** Whether the history has come, so that an empty room is known to be empty, and what follows is new. */
  get loaded(): boolean {
    return this.#awaited === 0;
  }

  /** Whether this page follows the room; not after the gateway ended that. */
  get joined(): boolean {
    return this.#subscription !== undefined;
  }

  /** The id of the first entry that arrived while nobody looked. */
  get newFrom(): string | undefined {
    return this.#newFrom;
  }

  /** The page's user, once the gateway has told it. */
  set user(user: string | undefined) {
    this.#user = user;
  }

  /** Whether the person sees this room now. */
  set looking(looking: boolean) {
    if (looking === this.#looking) return;
    this.#looking = looking;
    if (looking) this.#markRead();
    else this.#newFrom = undefined;
  }

  /** Follows the room with this client; one that is closed takes no part, but its successor will. */
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
          // What the stream holds since it began anew was not seen by anybody here.
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

  /** The person has taken notice of what was new: they answer. */
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

  /** After a break, what the history still holds is shown below the notice. */
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
