import { isString, type Store } from './store.js';

/** The draft of each room, kept across reloads of the tab. */
export class Drafts {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(room: string): string {
    return this.#store.read(`draft.${room}`, isString) ?? '';
  }

  set(room: string, text: string): void {
    if (text === '') this.#store.remove(`draft.${room}`);
    else this.#store.write(`draft.${room}`, text);
  }
}
