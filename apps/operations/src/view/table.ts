import { element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';
import { hashOf, type Route } from '../model/route.js';

export interface Column<T> {
  readonly label: string;
  readonly text: (item: T) => string;
  /** What the text leads to. */
  readonly route?: (item: T) => Route | undefined;
  readonly kind?: 'number' | 'code';
}

interface TableOptions<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly key: (item: T) => string;
  /** Shown if there are no rows. */
  readonly empty: string;
}

/** A table that is kept in sync with a list. A row stays as long as its item, so that a link in it keeps the focus. */
export class Table<T> {
  readonly element: HTMLElement;
  readonly #rows: KeyedList<T>;
  readonly #table: HTMLTableElement;
  readonly #empty: HTMLElement;

  constructor({ caption, columns, key, empty }: TableOptions<T>) {
    const body = element('tbody');
    const heads = columns.map(({ label, kind = '' }) =>
      element('th', { class: kind, attributes: { scope: 'col' } }, label),
    );
    this.#table = element(
      'table',
      {},
      element('caption', { class: 'visually-hidden' }, caption),
      element('thead', {}, element('tr', {}, ...heads)),
      body,
    );
    this.#empty = element('p', { class: 'empty' }, empty);
    this.element = element('div', { class: 'table' }, this.#table, this.#empty);
    this.#rows = new KeyedList(body, {
      key,
      create: () =>
        element('tr', {}, ...columns.map(({ label, kind = '' }) => element('td', { class: kind, data: { label } }))),
      update: (row, item) => {
        for (const [index, column] of columns.entries()) updateCell(row.children[index], column, item);
      },
    });
  }

  render(items: readonly T[]): void {
    this.#rows.render(items);
    this.#table.hidden = items.length === 0;
    this.#empty.hidden = items.length > 0;
  }
}

function updateCell<T>(cell: Element | undefined, { text, route }: Column<T>, item: T): void {
  if (cell === undefined) return;
  const to = route?.(item);
  const tag = to === undefined ? 'bdi' : 'a';
  let content = cell.firstElementChild;
  if (content?.localName !== tag) {
    content = element(tag);
    cell.replaceChildren(content);
  }
  if (to !== undefined) content.setAttribute('href', hashOf(to));
  setText(content, text(item));
}
