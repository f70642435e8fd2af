import { BROKER, MemoryBroker, type Broker } from '@holdfast/broadcast';
import type { FactoryProvider } from '@nestjs/common';

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
export type Rooms = Pick<Broker, 'join' | 'leave' | 'now'>;
export const ROOMS = Symbol('ROOMS');

const nothing = (): void => {};

/** The broker; or where it keeps no presence, what this pod alone knows. */
export const roomsProvider: FactoryProvider<Rooms> = {
  provide: ROOMS,
  inject: [BROKER],
  async useFactory(broker: Broker) {
    if (broker.capabilities.presence) return broker;
    const own = new MemoryBroker();
    await own.start({
      onPublication: nothing,
      onGap: nothing,
      onJoin: nothing,
      onLeave: nothing,
      onPresenceGap: nothing,
      onLateMembership: nothing,
      onSignal: nothing,
      onInvalid: nothing,
      onFault: nothing,
    });
    return own;
  },
};
