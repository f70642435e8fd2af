import { byId } from '@holdfast/page/dom';
import { isKey } from '../model/admin-key.js';

/** The form for the key. */
export class SignIn {
  readonly #element = byId('sign-in', HTMLElement);
  readonly #input = byId('key', HTMLInputElement);
  readonly #problem = byId('key-problem', HTMLElement);

  /** @param onKey is called with what was typed. */
  constructor(onKey: (key: string) => void) {
    byId('sign-in-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const key = this.#input.value.trim();
      if (isKey(key)) onKey(key);
      else this.show('A key has at least 16 visible characters.');
    });
  }

  show(problem = ''): void {
    this.#element.hidden = false;
    this.#problem.textContent = problem;
    this.#problem.hidden = problem === '';
    this.#input.ariaInvalid = String(problem !== '');
    this.#input.focus();
  }

  hide(): void {
    this.#element.hidden = true;
    this.#input.value = '';
  }
}
