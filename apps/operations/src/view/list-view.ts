import { element, setText } from '@holdfast/page/dom';
import type { AdminApi } from '../api/admin-api.js';
import type { ListPage } from '../api/answers.js';
import { Table, type Column } from './table.js';
import type { View } from './view.js';

/** How many entries one page has. The pod asks the broker about each channel. */
const PAGE = 25;

interface Filter<Name extends string> {
  readonly name: Name;
  readonly label: string;
}

interface ListQuery {
  readonly after: string | undefined;
  readonly limit: number;
}

interface ListOptions<T, Name extends string> {
  readonly title: string;
  readonly columns: readonly Column<T>[];
  readonly key: (item: T) => string;
  readonly empty: string;
  readonly filters: readonly Filter<Name>[];
  readonly fetch: (api: AdminApi, query: ListQuery & Partial<Record<Name, string>>) => Promise<ListPage<T>>;
  /** Looks at once, because the user has changed something. */
  readonly refreshNow: () => void;
}

/** A list of this pod, page by page, with filters. */
export class ListView<T, Name extends string = never> implements View {
  readonly title: string;
  readonly element: HTMLElement;
  readonly #options: ListOptions<T, Name>;
  readonly #table: Table<T>;
  readonly #inputs: ReadonlyMap<Name, HTMLInputElement>;
  readonly #previous = button('Previous page');
  readonly #next = button('Next page');
  readonly #number = element('span', { attributes: { role: 'status' } });
  /** The `after` of each page up to the shown one. */
  #pages: (string | undefined)[] = [undefined];
  #after: string | undefined;

  constructor(options: ListOptions<T, Name>) {
    const { title, columns, key, empty, filters } = options;
    this.#options = options;
    this.title = title;
    this.#table = new Table({ caption: title, columns, key, empty });
    this.#inputs = new Map(
      filters.map(({ name }) => [
        name,
        element('input', {
          attributes: { type: 'search', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' },
          data: { testid: `${title.toLowerCase()}-${name}` },
        }),
      ]),
    );
    const labels = filters.flatMap(({ name, label }) => element('label', {}, label, this.#inputs.get(name) ?? ''));
    const form = element('form', { class: 'filters' }, ...labels);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => this.#show([undefined]));
    const pager = element('nav', { class: 'pager', attributes: { 'aria-label': 'Pages' } });
    pager.append(this.#previous, this.#number, this.#next);
    this.#previous.addEventListener('click', () => this.#show(this.#pages.slice(0, -1)));
    this.#next.addEventListener('click', () => this.#show([...this.#pages, this.#after]));
    this.element = element('div', { class: 'list' }, form, this.#table.element, pager);
  }

  async refresh(api: AdminApi): Promise<void> {
    const pages = this.#pages;
    const filters = Object.fromEntries(
      Array.from(this.#inputs, ([name, input]) => [name, input.value.trim()]),
    ) as Record<Name, string>;
    const { entries, next } = await this.#options.fetch(api, { ...filters, after: pages.at(-1), limit: PAGE });
    // Meanwhile the user may have gone on.
    if (pages !== this.#pages) return;
    this.#after = next;
    this.#table.render(entries);
    this.#previous.disabled = pages.length < 2;
    this.#next.disabled = next === undefined;
    setText(this.#number, `Page ${pages.length}`);
  }

  #show(pages: (string | undefined)[]): void {
    this.#pages = pages;
    this.#options.refreshNow();
  }
}

function button(text: string): HTMLButtonElement {
  return element('button', { class: 'button quiet', attributes: { type: 'button' } }, text);
}
