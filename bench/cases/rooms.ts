const ROOMS = 100;

/** Spreads clients over channels of moderate size. */
export function roomOf(client: number): readonly string[] {
  return [`room:${client % ROOMS}`];
}
