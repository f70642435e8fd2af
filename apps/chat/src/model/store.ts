/** The part of the Web Storage API that the page uses. */
export type StorageArea = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const PREFIX = 'holdfast.chat.';

/** JSON values in a storage area. The reader's guard checks them, because they may have been stored by an older page or manually. */
export class Store {
  readonly #area: StorageArea;

  constructor(area: StorageArea) {
    this.#area = area;
  }

  /** The value, or undefined if there is none or it does not pass `guard`. */
  read<T>(name: string, guard: (value: unknown) => value is T): T | undefined {
    try {
      const value: unknown = JSON.parse(this.#area.getItem(PREFIX + name) ?? 'null');
      return guard(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Stores the value. If storage is full or forbidden, the page continues without it. */
  write(name: string, value: unknown): void {
    try {
      this.#area.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // Only the next load of the page would use it.
    }
  }

  remove(name: string): void {
    try {
      this.#area.removeItem(PREFIX + name);
    } catch {
      // As in `write`.
    }
  }
}

/** The browser's storage area, or one in memory if the browser forbids it (reading the property then throws). */
export function browserStorage(kind: 'localStorage' | 'sessionStorage'): StorageArea {
  try {
    return globalThis[kind];
  } catch {
    return memoryStorage();
  }
}

export function memoryStorage(): StorageArea {
  const items = new Map<string, string>();
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArrayOf<T>(guard: (value: unknown) => value is T): (value: unknown) => value is T[] {
  return (value): value is T[] => Array.isArray(value) && value.every(guard);
}

export function isString(value: unknown): value is string {
  return typeof value === 'string';
}
