import type { RoomSummary } from '../chat.js';
import { hashOfRoom } from '../model/room-name.js';
import { byId, element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';

/** The list of rooms, as links, so that the browser's own keys and buttons work. */
export class RoomsView {
  readonly #rooms: KeyedList<RoomSummary & { readonly current: boolean }>;
  readonly #menu = byId('open-rooms', HTMLButtonElement);

  constructor() {
    this.#rooms = new KeyedList(byId('room-list', HTMLElement), {
      key: ({ name }) => name,
      create: ({ name }) => createRoom(name),
      update: updateRoom,
    });
  }

  render(rooms: readonly RoomSummary[], current: string): void {
    this.#rooms.render(rooms.map((room) => ({ ...room, current: room.name === current })));
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    this.#menu.classList.toggle('has-unread', unread > 0);
    this.#menu.setAttribute('aria-label', unread > 0 ? `Rooms, ${unread} unread messages` : 'Rooms');
  }
}

function createRoom(name: string): HTMLElement {
  return element(
    'li',
    {},
    element(
      'a',
      { class: 'room', data: { testid: 'room-item', room: name }, attributes: { href: hashOfRoom(name) } },
      element('span', { class: 'hash', attributes: { 'aria-hidden': 'true' } }, '#'),
      element('span', { class: 'room-name' }, name),
      element('span', { class: 'badge' }),
    ),
  );
}

function updateRoom(node: HTMLElement, { joined, unread, current }: RoomSummary & { readonly current: boolean }): void {
  const link = node.querySelector('a');
  const badge = node.querySelector('.badge');
  if (link === null || badge === null) return;
  if (current) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
  link.classList.toggle('joined', joined);
  link.classList.toggle('unread', unread > 0);
  const count = unread > 99 ? '99+' : String(unread);
  setText(badge, joined ? (unread > 0 ? count : '') : 'Join');
  if (unread > 0) badge.setAttribute('aria-label', `${count} unread`);
  else badge.removeAttribute('aria-label');
}
