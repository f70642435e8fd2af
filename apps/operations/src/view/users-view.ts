import { element } from '@holdfast/page/dom';
import { hashOf } from '../model/route.js';
import type { View } from './view.js';

/** Finds a user, who may be connected to another pod or to none. */
export class UsersView implements View {
  readonly title = 'Users';
  readonly element: HTMLElement;

  constructor() {
    const input = element('input', {
      attributes: { type: 'search', required: '', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' },
      data: { testid: 'user-input' },
    });
    const form = element(
      'form',
      { class: 'filters' },
      element('label', {}, 'The id of the user, as in the token', input),
      element('button', { class: 'button', attributes: { type: 'submit' } }, 'Show'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name !== '') location.hash = hashOf({ view: 'user', name });
    });
    this.element = element(
      'div',
      { class: 'list' },
      form,
      element(
        'p',
        { class: 'empty' },
        'Shows the connections of the user on all pods, and disconnects or blocks the user.',
      ),
    );
  }

  async refresh(): Promise<void> {}
}
