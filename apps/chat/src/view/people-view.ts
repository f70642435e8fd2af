import type { Person, Presence } from '../model/presence.js';
import { avatar, updateAvatar } from './avatar.js';
import { byId, element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';

/** The people in the current room. */
export class PeopleView {
  readonly #people: KeyedList<Person>;
  readonly #count = byId('people-count', HTMLElement);
  readonly #button = byId('open-people', HTMLButtonElement);
  readonly #buttonCount = byId('people-button-count', HTMLElement);
  readonly #more = byId('people-more', HTMLElement);

  constructor() {
    this.#people = new KeyedList(byId('people-list', HTMLElement), {
      key: ({ id }) => id,
      create: createPerson,
      update: updatePerson,
    });
  }

  render(presence: Presence, user: string | undefined): void {
    const people = presence.people(user);
    const count = String(people.length + presence.unlisted);
    this.#people.render(people);
    setText(this.#count, count);
    setText(this.#buttonCount, count);
    this.#button.setAttribute('aria-label', `People here: ${count}`);
    this.#more.hidden = presence.unlisted === 0;
    setText(this.#more, `and ${presence.unlisted} more`);
  }
}

function createPerson({ you }: Person): HTMLElement {
  const node = element(
    'li',
    { class: 'person', data: { testid: 'person' } },
    avatar(),
    element('bdi', { class: 'person-name' }),
  );
  if (you) node.append(element('span', { class: 'tag' }, 'you'));
  return node;
}

function updatePerson(node: HTMLElement, { id, name }: Person): void {
  const picture = node.querySelector<HTMLElement>('.avatar');
  const label = node.querySelector('.person-name');
  if (picture === null || label === null) return;
  updateAvatar(picture, name, id);
  setText(label, name);
}
