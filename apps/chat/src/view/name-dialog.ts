import { MAX_NAME_LENGTH, normalizeName } from '../model/identity.js';
import { byId, setText } from '@holdfast/page/dom';

const HINT = 'Everybody in your rooms sees it. You can change it later.';

/** Asks for the name that others see. */
export class NameDialog {
  readonly #dialog = byId('name-dialog', HTMLDialogElement);
  readonly #form = byId('name-form', HTMLFormElement);
  readonly #title = byId('name-title', HTMLElement);
  readonly #input = byId('name', HTMLInputElement);
  readonly #hint = byId('name-hint', HTMLElement);
  readonly #problem = byId('name-problem', HTMLElement);
  readonly #join = byId('name-join', HTMLButtonElement);
  readonly #cancel = byId('name-cancel', HTMLButtonElement);
  #answer: (name: string) => void = () => {};
  #required = true;

  constructor() {
    this.#input.maxLength = MAX_NAME_LENGTH;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = normalizeName(this.#input.value);
      this.#showProblem(name === undefined);
      if (name === undefined) return this.#input.focus();
      this.#required = false;
      this.#dialog.close();
      this.#answer(name);
    });
    this.#input.addEventListener('input', () => this.#showProblem(false));
    this.#cancel.addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('cancel', (event) => {
      if (this.#required) event.preventDefault();
    });
    // Chromium closes a dialog on the second Escape, even if `cancel` is prevented.
    this.#dialog.addEventListener('close', () => {
      if (this.#required) this.#dialog.showModal();
    });
  }

  /** Asks on the first visit; resolves when a name was entered. */
  ask(remembered: string | undefined): Promise<string> {
    setText(this.#title, remembered === undefined ? 'What should we call you?' : 'Welcome back');
    setText(this.#join, 'Join the chat');
    setText(
      this.#hint,
      remembered === undefined
        ? HINT
        : 'Keep the name to continue as the same user, or use another name in this window.',
    );
    return new Promise((resolve) => this.#open(remembered ?? '', true, resolve));
  }

  /** Asks later; the callback is called if a different name was entered. */
  change(name: string, answer: (name: string) => void): void {
    setText(this.#title, 'Change your name');
    setText(this.#join, 'Save');
    setText(this.#hint, HINT);
    this.#open(name, false, (given) => {
      if (given !== name) answer(given);
    });
  }

  #open(name: string, required: boolean, answer: (name: string) => void): void {
    this.#required = required;
    this.#answer = answer;
    this.#cancel.hidden = required;
    this.#input.value = name;
    this.#showProblem(false);
    this.#dialog.showModal();
    this.#input.select();
  }

  #showProblem(shown: boolean): void {
    this.#problem.hidden = !shown;
    this.#input.setAttribute('aria-invalid', String(shown));
  }
}
