import type { Chat } from './chat.js';
import type { Drafts } from './model/drafts.js';
import { personId } from './model/presence.js';
import { hashOfRoom, roomOfHash } from './model/room-name.js';
import { updateAvatar } from './view/avatar.js';
import { Composer } from './view/composer.js';
import { ConnectionView } from './view/connection-view.js';
import { byId, setText } from '@holdfast/page/dom';
import { Drawers } from './view/drawers.js';
import { LogView } from './view/log-view.js';
import { PeopleView } from './view/people-view.js';
import { RoomDialog } from './view/room-dialog.js';
import { RoomsView } from './view/rooms-view.js';

interface PageOptions {
  readonly anonymous: boolean;
  readonly changeName: () => void;
}

/** The update interval of a hidden page, in ms: it gets no animation frames, but its title shows the unread count. */
const LONGEST_RENDER_DELAY = 250;

/** The user interface: shows the chat's state, and passes user actions to the chat. */
export class Page {
  readonly #chat: Chat;
  readonly #composer: Composer;
  readonly #connection: ConnectionView;
  readonly #drawers = new Drawers();
  readonly #log: LogView;
  readonly #people = new PeopleView();
  readonly #rooms = new RoomsView();
  readonly #title = byId('room-title', HTMLElement);
  readonly #leave = byId('leave-room', HTMLButtonElement);
  readonly #name = byId('own-name', HTMLElement);
  readonly #picture = byId('own-avatar', HTMLElement);
  #scheduled = false;

  constructor(chat: Chat, drafts: Drafts, { anonymous, changeName }: PageOptions) {
    this.#chat = chat;
    this.#composer = new Composer(drafts, (text) => {
      chat.send(text);
      this.#log.followEnd();
    });
    this.#connection = new ConnectionView(() => chat.reconnect());
    this.#log = new LogView({ retry: (key) => chat.retry(key), discard: (key) => chat.discard(key) });
    byId('development-notice', HTMLElement).hidden = !anonymous;
    byId('change-name', HTMLButtonElement).addEventListener('click', changeName);
    this.#leave.addEventListener('click', () => showRoom(chat.leave(chat.current.name)));
    new RoomDialog(showRoom);
    this.#followAddress();
    this.#followBrowser();
    chat.listen(() => this.#invalidate());
    this.#invalidate();
  }

  /** Schedules an update for the next frame, so that many changes within one frame cause one update. */
  #invalidate(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const render = (): void => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      this.#scheduled = false;
      this.#render();
    };
    const frame = requestAnimationFrame(render);
    const timer = setTimeout(render, LONGEST_RENDER_DELAY);
  }

  #render(): void {
    const { connection, current, identity, rooms, user } = this.#chat;
    this.#connection.render(connection, navigator.onLine);
    this.#rooms.render(rooms, current.name);
    this.#people.render(current.presence, user);
    this.#log.render(current);
    this.#composer.open(current.name);
    setText(this.#title, current.name);
    this.#leave.hidden = rooms.filter(({ joined }) => joined).length < 2;
    setText(this.#name, identity.name);
    updateAvatar(this.#picture, identity.name, personId({ client: '', ...(user === undefined ? {} : { user }) }));
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ''}#${current.name} · Holdfast chat`;
  }

  /** Puts the room into the URL, so that it can be linked to, and the browser's back button works. */
  #followAddress(): void {
    history.replaceState(null, '', hashOfRoom(this.#chat.current.name));
    const open = (): void => {
      const room = roomOfHash(location.hash);
      if (room === undefined) return;
      this.#chat.open(room);
      this.#drawers.close();
    };
    addEventListener('hashchange', open);
    // Choosing the room that is already in the URL does not change the hash, but may join the room again.
    byId('room-list', HTMLElement).addEventListener('click', ({ target }) => {
      const link = target instanceof Element ? target.closest('a') : null;
      if (link?.hash === location.hash) open();
    });
    byId('skip-link', HTMLElement).addEventListener('click', (event) => {
      event.preventDefault();
      this.#composer.focus();
    });
  }

  #followBrowser(): void {
    const visible = (): void => {
      this.#chat.visible = document.visibilityState === 'visible';
    };
    document.addEventListener('visibilitychange', visible);
    visible();
    for (const event of ['online', 'offline']) addEventListener(event, () => this.#invalidate());
  }
}

function showRoom(room: string): void {
  location.hash = hashOfRoom(room);
}
