import { BROKER, MemoryBroker, type Broker } from '@holdfast/broadcast';
import type { FactoryProvider } from '@nestjs/common';

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
      onBelated: nothing,
      onSignal: nothing,
      onInvalid: nothing,
      onFault: nothing,
    });
    return own;
  },
};
