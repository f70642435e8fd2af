/**
 * Frames of which only the latest of a kind matters to a client. A map beside the frames instead of a wrapper around
 * them: delivery costs the same whether a frame can be superseded or not, and only slow consumers pay for the lookup.
 */
const kinds = new WeakMap<Buffer, object>();

/** Marks all earlier frames of the same kind as superseded by this one, wherever both wait for one client. */
export function supersedes(frame: Buffer, kind: object): void {
  kinds.set(frame, kind);
}

/** The items that no later one supersedes, in their order. */
export function withoutSuperseded<T>(items: readonly T[], frameOf: (item: T) => Buffer): T[] {
  const seen = new Set<object>();
  return items
    .toReversed()
    .filter((item) => {
      const kind = kinds.get(frameOf(item));
      if (kind === undefined) return true;
      if (seen.has(kind)) return false;
      seen.add(kind);
      return true;
    })
    .toReversed();
}
