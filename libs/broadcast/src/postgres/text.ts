/** PostgreSQL stores every character but NUL. Texts with one are stored in another form, which begins with ESCAPE. */
const NUL = '\0';
const ESCAPE = '\u0001';

/** What is stored for a text. Texts that neither contain NUL nor begin with U+0001 are stored as they are. */
export function toStored(text: string): string {
  if (!text.includes(NUL) && !text.startsWith(ESCAPE)) return text;
  return ESCAPE + text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll(NUL, `${ESCAPE}0`);
}

/** The text that {@link toStored} was given. */
export function fromStored(stored: string): string {
  if (!stored.startsWith(ESCAPE)) return stored;
  return stored.slice(1).replaceAll(`${ESCAPE}0`, NUL).replaceAll(`${ESCAPE}1`, ESCAPE);
}
