import { element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** Whether somebody should look into it. */
  readonly isBad?: boolean;
}

/** A list of labels and values. */
export class Facts {
  readonly element: HTMLElement;
  readonly #list: KeyedList<Fact>;

  constructor(kind: 'tiles' | 'facts') {
    this.element = element('dl', { class: kind });
    this.#list = new KeyedList(this.element, {
      key: ({ label }) => label,
      create: ({ label }) => element('div', {}, element('dt', {}, label), element('dd')),
      update: (node, { value, isBad = false }) => {
        node.classList.toggle('bad', isBad);
        const [, shown] = node.children;
        if (shown !== undefined) setText(shown, value);
      },
    });
  }

  render(facts: readonly Fact[]): void {
    this.#list.render(facts);
  }
}
