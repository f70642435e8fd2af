export type TextPart = { readonly text: string } | { readonly text: string; readonly href: string };

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`]+/giu;
const PUNCTUATION = new Set('.,:;!?…*_~');
const OPENING = new Map([
  [')', '('],
  [']', '['],
  ['}', '{'],
]);

/** Splits a text into plain parts and links. Only http and https become links, never `javascript:` or the like. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const address = withoutTrailing(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: address, href: new URL(address).href });
    end = match.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Excludes punctuation after an address, and closing brackets that were opened before it. */
function withoutTrailing(address: string): string {
  const counts = new Map<string, number>();
  const count = (character: string): number => counts.get(character) ?? 0;
  for (const character of address) counts.set(character, count(character) + 1);
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1);
    const opening = OPENING.get(last);
    const unopened = opening !== undefined && count(last) > count(opening);
    if (!unopened && !PUNCTUATION.has(last)) break;
    counts.set(last, count(last) - 1);
  }
  return address.slice(0, end);
}
