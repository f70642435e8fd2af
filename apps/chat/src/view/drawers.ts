import { byId } from '@holdfast/page/dom';

/** On narrow screens the rooms and the people are drawers over the conversation; on wide screens they are beside it. */
export class Drawers {
  readonly #drawers = [
    new Drawer('rooms', 'open-rooms', '(width < 48rem)'),
    new Drawer('people', 'open-people', '(width < 68rem)'),
  ];
  readonly #conversation = byId('conversation', HTMLElement);
  readonly #scrim = byId('scrim', HTMLElement);

  constructor() {
    for (const drawer of this.#drawers) {
      drawer.button.addEventListener('click', () => this.#show(drawer));
      drawer.closeButton.addEventListener('click', () => this.close());
      drawer.narrow.addEventListener('change', () => this.close());
    }
    this.#scrim.addEventListener('click', () => this.close());
    addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
    this.#update(undefined);
  }

  close(): void {
    const open = this.#drawers.find(({ isOpen }) => isOpen);
    this.#update(undefined);
    open?.button.focus();
  }

  #show(drawer: Drawer): void {
    this.#update(drawer);
    drawer.closeButton.focus();
  }

  #update(open: Drawer | undefined): void {
    for (const drawer of this.#drawers) drawer.update(open);
    this.#conversation.inert = open !== undefined;
    this.#scrim.hidden = open === undefined;
  }
}

class Drawer {
  readonly button: HTMLButtonElement;
  readonly closeButton: HTMLButtonElement;
  readonly narrow: MediaQueryList;
  readonly #panel: HTMLElement;

  constructor(id: string, buttonId: string, narrow: string) {
    this.#panel = byId(id, HTMLElement);
    this.button = byId(buttonId, HTMLButtonElement);
    this.closeButton = byId(`close-${id}`, HTMLButtonElement);
    this.narrow = matchMedia(narrow);
  }

  get isOpen(): boolean {
    return this.#panel.classList.contains('open');
  }

  /** Makes everything that is hidden or behind the scrim unreachable. */
  update(open: Drawer | undefined): void {
    this.#panel.classList.toggle('open', open === this);
    this.#panel.inert = open === undefined ? this.narrow.matches : open !== this;
    this.button.setAttribute('aria-expanded', String(open === this));
  }
}
