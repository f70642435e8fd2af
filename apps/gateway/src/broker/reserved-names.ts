/**
 * What the gateway keeps in the broker besides channels. Each name begins with a character that no channel name may
 * contain, so that no client and no call of the API gets at it.
 */

/** Streams of what the HTTP API does to users. Blocks have their own stream, so that other commands never push one out. */
export const BLOCKS_STREAM = '!refusals';
export const USER_COMMANDS_STREAM = '!user-commands';

/** Presence of things other than channels. */
const CLIENTS = '!clients:';
const OCCUPIED = '!occupied:';

/**
 * The name under which a client is present in the cluster. Clients are spread over several names, so that no single
 * server of a Redis Cluster holds all of them.
 */
export function nameOfClient(client: string): string {
  return CLIENTS + client.slice(0, 1);
}

export function isNameOfClients(name: string): boolean {
  return name.startsWith(CLIENTS);
}

/** The name under which the pods are present that have subscribers of a channel. */
export function nameOfOccupied(channel: string): string {
  return OCCUPIED + channel;
}

/** The inverse of {@link nameOfOccupied}; undefined for any other name. */
export function occupiedChannelOf(name: string): string | undefined {
  return name.startsWith(OCCUPIED) ? name.slice(OCCUPIED.length) : undefined;
}
