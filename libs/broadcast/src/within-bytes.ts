/**
 * The first items whose total size is at most `maxBytes`, and never fewer than `atLeast`.
 *
 * @param sizeOf in bytes.
 */
export function withinBytes<T>(
  items: readonly T[],
  maxBytes: number,
  sizeOf: (item: T) => number,
  atLeast = 0,
): readonly T[] {
  if (maxBytes === Infinity) return items;
  let room = maxBytes;
  const end = items.findIndex((item, index) => (room -= sizeOf(item)) < 0 && index >= atLeast);
  return end === -1 ? items : items.slice(0, end);
}
