interface Properties {
  readonly class?: string;
  /** data-* attributes, by their names in camel case. */
  readonly data?: Readonly<Record<string, string>>;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** An element with its children. Strings become text nodes: nothing here ever parses HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (properties.class !== undefined) node.className = properties.class;
  Object.assign(node.dataset, properties.data);
  for (const [name, value] of Object.entries(properties.attributes ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * Returns the element with this id.
 *
 * @throws Error if there is none of this kind, because the page and its script are from different builds.
 */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return node;
}

/** Only writes changes, so that a live region does not announce the same text again. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
