import { Holdfast } from '@holdfast/client';
import { fetchToken, type DemoConfig } from './demo-api.js';
import type { Drafts } from './model/drafts.js';
import type { Identity } from './model/identity.js';
import { Outbox, type OutgoingMessage } from './model/outbox.js';
import { randomId } from './model/random-id.js';
import { isRoomName } from './model/room-name.js';
import { isArrayOf, isRecord, isString, type Store } from './model/store.js';
import { Room } from './room.js';

/** The path of the gateway's WebSocket, relative to this page. */
const GATEWAY = 'ws';

export interface ConnectionStatus {
  readonly state: Holdfast['state'];
  /** The pod that this page is connected to, or was last. */
  readonly node: string | undefined;
}

export interface RoomSummary {
  readonly name: string;
  readonly joined: boolean;
  readonly unread: number;
}

export interface ChatOptions {
  readonly config: DemoConfig;
  readonly identity: Identity;
  readonly store: Store;
  readonly drafts: Drafts;
}

/** The conversation: one connection, the joined rooms, and the messages being sent. */
export class Chat {
  readonly #config: DemoConfig;
  readonly #store: Store;
  readonly #drafts: Drafts;
  readonly #outbox: Outbox;
  readonly #rooms = new Map<string, Room>();
  #changed = (): void => {};
  #identity: Identity;
  #client: Holdfast;
  /** The keys of messages passed to the current client; other messages of the outbox are older than it. */
  #publishing = new Set<string>();
  #current: Room;
  #visible = true;
  readonly #token = () => fetchToken(this.#identity);
  #user: string | undefined;
  #node: string | undefined;

  /** @param linked the room in the page's URL; without one, the tab's last room is opened. */
  constructor({ config, identity, store, drafts }: ChatOptions, linked: string | undefined) {
    this.#config = config;
    this.#store = store;
    this.#drafts = drafts;
    this.#identity = identity;
    this.#outbox = new Outbox(store);
    this.#client = this.#connect();
    for (const name of store.read('rooms', isRoomList) ?? []) this.#join(name);
    const first = linked ?? store.read('room', isRoom) ?? config.rooms[0];
    this.#current = this.#rooms.get(first) ?? this.#join(first);
    this.#current.looking = true;
  }

  /** @param changed is called when the displayed state has changed. */
  listen(changed: () => void): void {
    this.#changed = changed;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** The page's user id from the gateway; undefined before the first connection. */
  get user(): string | undefined {
    return this.#user;
  }

  get connection(): ConnectionStatus {
    return { state: this.#client.state, node: this.#node };
  }

  get current(): Room {
    return this.#current;
  }

  /** The public rooms, followed by the user's own in the order of joining. */
  get rooms(): readonly RoomSummary[] {
    const names = new Set([...this.#config.rooms, ...this.#rooms.keys()]);
    return Array.from(names, (name) => {
      const room = this.#rooms.get(name);
      return { name, joined: room?.joined ?? false, unread: room?.unread ?? 0 };
    });
  }

  /** Whether the page is visible; messages that arrive while it is hidden stay unread. */
  set visible(visible: boolean) {
    this.#visible = visible;
    this.#current.looking = visible;
    this.#changed();
  }

  /** Shows a room, and joins it if necessary. */
  open(name: string): Room {
    const room = this.#rooms.get(name) ?? this.#join(name);
    if (!room.joined) room.join(this.#client);
    if (room !== this.#current) {
      this.#current.looking = false;
      this.#current = room;
    }
    room.looking = this.#visible;
    this.#store.write('room', name);
    this.#changed();
    return room;
  }

  /** Leaves a room, and discards its unsent messages. @returns the room to show instead. */
  leave(name: string): string {
    this.#rooms.get(name)?.leave();
    this.#rooms.delete(name);
    for (const message of this.#outbox.messages) if (message.room === name) this.#outbox.remove(message.key);
    this.#drafts.set(name, '');
    this.#saveRooms();
    const [next] = this.#rooms.keys();
    return next ?? this.#config.rooms.find((room) => room !== name) ?? name;
  }

  send(text: string): void {
    const room = this.#current;
    room.settleNew();
    this.#sendMessage({
      key: randomId(16),
      room: room.name,
      text,
      name: this.#identity.name,
      time: Date.now(),
      failed: false,
    });
  }

  /** Sends a failed message again with its key: if it was stored after all, it still appears once. */
  retry(key: string): void {
    const message = this.#outbox.get(key);
    if (message?.failed === true) this.#sendMessage({ ...message, time: Date.now(), failed: false });
  }

  discard(key: string): void {
    const message = this.#outbox.get(key);
    if (message === undefined) return;
    this.#outbox.remove(key);
    this.#rooms.get(message.room)?.timeline.discard(key);
    this.#changed();
  }

  /** Changes the name: the same user with a new token. Subscriptions and messages that are being sent continue. */
  rename(identity: Identity): void {
    this.#identity = identity;
    if (this.#client.state === 'closed') this.reconnect();
    else this.#client.setToken(this.#token);
  }

  /** Replaces a client that is closed for good; messages that the old one had not sent are sent by the new one. */
  reconnect(): void {
    const old = this.#client;
    this.#publishing = new Set();
    this.#client = this.#connect();
    for (const room of this.#rooms.values()) room.join(this.#client);
    void old.close();
    this.#changed();
  }

  #connect(): Holdfast {
    const client = new Holdfast(GATEWAY, { token: this.#token });
    client.on('state', ({ state, welcome }) => {
      if (client !== this.#client) return;
      if (state === 'connected' && welcome !== undefined) {
        this.#node = welcome.node;
        this.#user = welcome.user;
        for (const room of this.#rooms.values()) room.user = welcome.user;
        this.#sendLeftOver(welcome.keyWindow);
      }
      this.#changed();
    });
    client.on('moved', ({ to }) => {
      if (client !== this.#client) return;
      this.#node = to;
      this.#changed();
    });
    return client;
  }

  #join(name: string): Room {
    const room = new Room(name, this.#channel(name), this.#store.read(`read.${name}`, isPosition), {
      changed: () => this.#changed(),
      delivered: (key) => this.#outbox.remove(key),
      read: (position) => this.#store.write(`read.${name}`, position),
    });
    room.user = this.#user;
    this.#rooms.set(name, room);
    for (const message of this.#outbox.messages) if (message.room === name) room.timeline.send(message);
    room.join(this.#client);
    this.#saveRooms();
    return room;
  }

  #saveRooms(): void {
    this.#store.write('rooms', [...this.#rooms.keys()]);
  }

  #sendMessage(message: OutgoingMessage): void {
    this.#outbox.put(message);
    this.#rooms.get(message.room)?.timeline.send(message);
    void this.#publish(message);
    this.#changed();
  }

  /**
   * Publishes messages that were being sent when the page was reloaded or the connection replaced. The gateway remembers their
   * keys for `keyWindow` ms; after that, a message could appear twice, so the person decides.
   */
  #sendLeftOver(keyWindow: number): void {
    for (const message of this.#outbox.messages) {
      if (message.failed || this.#publishing.has(message.key)) continue;
      if (Date.now() - message.time < keyWindow) void this.#publish(message);
      else this.#fail(message);
    }
  }

  async #publish(message: OutgoingMessage): Promise<void> {
    const { key, room, text, name } = message;
    const client = this.#client;
    this.#publishing.add(key);
    try {
      const position = await client.publish(this.#channel(room), { text, name }, { key });
      this.#outbox.remove(key);
      this.#rooms.get(room)?.timeline.confirm(key, position);
      this.#changed();
    } catch {
      // Ignore failures of a replaced client, because the next one sends the message.
      if (client === this.#client) this.#fail(message);
    }
  }

  #channel(room: string): string {
    return `${this.#config.namespace}:${room}`;
  }

  #fail(message: OutgoingMessage): void {
    if (this.#outbox.get(message.key) === undefined) return;
    this.#publishing.delete(message.key);
    this.#outbox.put({ ...message, failed: true });
    this.#rooms.get(message.room)?.timeline.fail(message.key);
    this.#changed();
  }
}

function isRoom(value: unknown): value is string {
  return isString(value) && isRoomName(value);
}

const isRoomList = isArrayOf(isRoom);

function isPosition(value: unknown): value is { epoch: string; offset: number } {
  return isRecord(value) && isString(value['epoch']) && typeof value['offset'] === 'number';
}
