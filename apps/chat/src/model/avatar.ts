/** One or two capital letters of a name; an emoji or another symbol is used as it is. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => word !== '');
  const [first, last] = words.length > 1 ? [words[0], words.at(-1)] : [words[0], undefined];
  return firstGrapheme(first).toLocaleUpperCase() + firstGrapheme(last).toLocaleUpperCase();
}

/** The same hue for the same id everywhere, in degrees [0, 360). */
export function hueOf(id: string): number {
  // FNV-1a, 32 bits: short, and similar ids have different hues.
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % 360;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

function firstGrapheme(word: string | undefined): string {
  if (word === undefined) return '';
  const [first] = graphemes.segment(word);
  return first?.segment ?? '';
}
