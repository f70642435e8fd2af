/**
 * The frames of which only the latest of their kind matters to a client. A map beside the frames and no wrapper around
 * them: a frame costs the same on its way whether it can be superseded or not, and only who is short of room looks here.
 */
const kinds = new WeakMap<Buffer, object>();

/** Has every earlier frame of the same kind count as superseded by this one, wherever both wait for one client. */
export function supersedes(frame: Buffer, kind: object): void {
  kinds.set(frame, kind);
}

/** Those of the list that no later one supersedes, in their order. */
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
