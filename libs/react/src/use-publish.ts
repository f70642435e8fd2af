import type { ChannelName, Position, PublishOptions } from '@holdfast/client';
import { useCallback } from 'react';
import { useHoldfast } from './context.js';
import type { Channels, Data, Undeclared } from './register.js';

/** Resolves once the message is stored; rejects with a HoldfastError. See `Holdfast.publish`. */
export type Publish<T> = (data: T, options?: PublishOptions) => Promise<Position>;

/**
 * A function that publishes to a channel. It stays the same between renders.
 *
 * @typeParam T the type of the data, unless it is registered.
 */
export function usePublish<T = Undeclared, Channel extends ChannelName<Channels> = ChannelName<Channels>>(
  channel: Channel,
): Publish<Data<Channel, T>> {
  const client = useHoldfast();
  return useCallback(
    (data, options) => client.publish<Data<Channel, T>, Channel>(channel, data as never, options),
    [client, channel],
  );
}
