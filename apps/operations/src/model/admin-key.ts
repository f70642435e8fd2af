/** Only in the storage of this tab, which forgets it when it is closed. */
const ITEM = 'holdfast-admin-key';

export function readKey(): string | undefined {
  return sessionStorage.getItem(ITEM) ?? undefined;
}

export function keepKey(key: string): void {
  sessionStorage.setItem(ITEM, key);
}

export function forgetKey(): void {
  sessionStorage.removeItem(ITEM);
}

/** What a header can carry, like every key that the gateway accepts. */
export function isKey(text: string): boolean {
  return /^[\x21-\x7e]{16,}$/.test(text);
}
