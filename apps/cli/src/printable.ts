/** Characters that control a terminal: control characters, and those that change a line's direction or break it. */
const ACTIVE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Untrusted text on one line, which cannot control the terminal. */
export function printable(text: string): string {
  return text.replace(ACTIVE, escaped);
}

/** JSON on one line, which cannot control the terminal. It is still equivalent JSON, because such characters only occur in strings. */
export function printableJson(value: unknown): string {
  return printable(JSON.stringify(value));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
