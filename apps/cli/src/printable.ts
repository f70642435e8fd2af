/** Characters that act on a terminal instead of showing: controls, and what changes a line's direction or breaks it. */
const ACTIVE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Text of others on one line, which cannot act on the terminal. */
export function printable(text: string): string {
  return text.replace(ACTIVE, escaped);
}

/** JSON on one line, which cannot act on the terminal. It stays the same JSON: such characters stand in its strings only. */
export function printableJson(value: unknown): string {
  return printable(JSON.stringify(value));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
