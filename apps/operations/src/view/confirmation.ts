import { byId } from '@holdfast/page/dom';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** The word on the button. */
  readonly action: string;
}

/** Asks before something is done that others notice. */
export class Confirmation {
  readonly #dialog = byId('confirmation', HTMLDialogElement);
  readonly #title = byId('confirmation-title', HTMLElement);
  readonly #text = byId('confirmation-text', HTMLElement);
  readonly #confirm = byId('confirm', HTMLButtonElement);
  #isSure = false;

  constructor() {
    byId('cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#confirm.addEventListener('click', () => {
      this.#isSure = true;
      this.#dialog.close();
    });
  }

  ask({ title, text, action }: Question): Promise<boolean> {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#confirm.textContent = action;
    this.#isSure = false;
    this.#dialog.showModal();
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => resolve(this.#isSure), { once: true });
    });
  }
}
