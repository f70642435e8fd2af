import type { BrokerClock, Presence } from '@holdfast/broadcast';

/** Rooms of the broker's presence that are no channels: their names begin with what no channel name holds. */
const CLIENTS = '!clients:';
const CHANNEL = '!occupied:';

/** The room of a client among all clients of the cluster: some rooms, so that no server of a Redis Cluster keeps all. */
export function roomOfClient(client: string): string {
  return CLIENTS + client.slice(0, 1);
}

export function isRoomOfClients(room: string): boolean {
  return room.startsWith(CLIENTS);
}

/** The room of the pods with subscribers of a channel. */
export function roomOfChannel(channel: string): string {
  return CHANNEL + channel;
}

/** The channel of a {@link roomOfChannel}; undefined for any other room. */
export function channelOfRoom(room: string): string | undefined {
  return room.startsWith(CHANNEL) ? room.slice(CHANNEL.length) : undefined;
}

/** Who is where in the cluster. */
export type Rooms = Pick<Presence, 'join' | 'leave'> & BrokerClock;
