import {
  HoldfastError,
  type ChannelName,
  type Position,
  type Subscription,
  type SubscriptionHandlers,
  type SubscriptionOptions,
} from '@holdfast/client';
import { useEffect, useRef, useState } from 'react';
import { useHoldfast } from './context.js';
import type { Channels, Data, Undeclared } from './register.js';
import { useLatest } from './use-latest.js';

/** `last` and `since` are read when the component subscribes; it subscribes again if `presence` changes. */
export type UseSubscriptionOptions = Omit<SubscriptionOptions, 'signal'>;

export interface SubscriptionState {
  /** Whether the gateway has accepted the subscription. It lasts while the client reconnects. */
  readonly isReady: boolean;
  /** Why the subscription is over, if the gateway refused or ended it. */
  readonly error?: HoldfastError;
}

const PENDING: SubscriptionState = { isReady: false };

/**
 * Subscribes to a channel while the component is mounted. Each event calls the handlers of the latest render.
 *
 * A component that keeps its state while it is mounted again (StrictMode, Activity, fast refresh) continues after the
 * last message that it received, so no message is handled twice and lost ones are reported to `gap`.
 *
 * @param channel nothing happens as long as it is null. If it changes, reset your state, for example by a `key`.
 * @typeParam T the type of the data, unless it is registered.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names it
export function useSubscription<T = Undeclared, Channel extends ChannelName<Channels> = ChannelName<Channels>>(
  channel: Channel | null | undefined,
  handlers: SubscriptionHandlers<Data<Channel, NoInfer<T>>>,
  options: UseSubscriptionOptions = {},
): SubscriptionState {
  const client = useHoldfast();
  const latest = useLatest({ handlers: handlers as unknown as SubscriptionHandlers, options });
  const left = useRef<{ client: object; channel: string; position: Position | undefined }>(undefined);
  const [state, setState] = useState(PENDING);
  const { presence } = options;

  useEffect(() => {
    setState(PENDING);
    if (channel === null || channel === undefined) return;
    const { last, since, token } = latest.current.options;
    const isBack = left.current?.client === client && left.current.channel === channel;
    let isOver = false;
    const end = (error: HoldfastError, handler: (() => void) | undefined) => {
      setState({ isReady: false, error });
      if (handler) handler();
      // oxlint-disable-next-line no-console
      else console.warn(`holdfast: ${error.code}: ${error.message} (useSubscription has no handler for it)`);
    };
    let subscription: Subscription;
    try {
      subscription = client.subscribe(
        channel,
        {
          message: (message) => latest.current.handlers.message(message),
          gap: (position, reason) => latest.current.handlers.gap(position, reason),
          subscribed: (reply) => latest.current.handlers.subscribed?.(reply),
          join: (member) => latest.current.handlers.join?.(member),
          leave: (member) => latest.current.handlers.leave?.(member),
          members: (members) => latest.current.handlers.members?.(members),
          unsubscribed: (code) => {
            const heard = latest.current.handlers;
            const error = new HoldfastError(code, `the gateway ended the subscription to ${channel}`);
            end(error, heard.unsubscribed && (() => heard.unsubscribed?.(code)));
          },
          error: (reason) => {
            const heard = latest.current.handlers;
            end(reason, heard.error && (() => heard.error?.(reason)));
          },
        },
        {
          last,
          since: (isBack && left.current?.position) || since,
          presence,
          token: token && ((name) => (latest.current.options.token ?? token)(name)),
        },
      );
    } catch (error) {
      // The gateway has ended the client, which useConnectionState reports too.
      if (!(error instanceof HoldfastError)) throw error;
      return setState({ isReady: false, error });
    }
    subscription.ready.then(
      () => isOver || setState({ isReady: true }),
      (error: HoldfastError) => isOver || setState({ isReady: false, error }),
    );
    return () => {
      isOver = true;
      left.current = { client, channel, position: subscription.position };
      void subscription.unsubscribe();
    };
  }, [client, channel, presence]);
  return state;
}
