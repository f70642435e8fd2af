/** Large enough to mean forever, and still exact in Lua. */
const MAX_TTL = 1e13;
const MAX_SIZE = 1e9;

/** A time to live as scripts expect it: whole ms. */
export function ttlArgument(ttl: number): number {
  return Math.max(1, Math.min(Math.ceil(ttl), MAX_TTL));
}

export function sizeArgument(size: number): number {
  return Math.min(size, MAX_SIZE);
}
