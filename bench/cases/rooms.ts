const ROOMS = 100;

/** Clients spread over rooms, where no channel is to be large or a client's own. */
export function roomOf(client: number): readonly string[] {
  return [`room:${client % ROOMS}`];
}
