interface KeyedListOptions<T> {
  readonly key: (item: T) => string;
  readonly create: (item: T) => HTMLElement;
  readonly update: (node: HTMLElement, item: T) => void;
}

/** Keeps an element's children in sync with a list: a node is kept as long as its item's key exists, and only moved if necessary. */
export class KeyedList<T> {
  readonly #parent: HTMLElement;
  readonly #options: KeyedListOptions<T>;
  #nodes = new Map<string, HTMLElement>();

  constructor(parent: HTMLElement, options: KeyedListOptions<T>) {
    this.#parent = parent;
    this.#options = options;
  }

  render(items: readonly T[]): void {
    const { key, create, update } = this.#options;
    const nodes = new Map<string, HTMLElement>();
    for (const item of items) nodes.set(key(item), this.#nodes.get(key(item)) ?? create(item));
    // Remove nodes first, so that the others need not be moved: a moved node would be announced again and lose its focus.
    for (const [id, node] of this.#nodes) if (nodes.get(id) !== node) node.remove();
    let cursor = this.#parent.firstElementChild;
    for (const item of items) {
      const node = nodes.get(key(item));
      if (node === undefined) continue;
      update(node, item);
      if (node === cursor) cursor = cursor.nextElementSibling;
      else this.#parent.insertBefore(node, cursor);
    }
    this.#nodes = nodes;
  }
}
