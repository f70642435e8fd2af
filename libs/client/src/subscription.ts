import type { Json, Member, Members, Message, Position, SubscribeReply, UnsubscribedCode } from '@holdfast/protocol';
import type { HoldfastError } from './errors.js';
import type { GapReason } from './handover.js';
import { ANY, BOOLEAN, COUNT, FUNCTION, POSITION } from './options.js';

/** A message whose data has the type `T`. Nothing checks the type: others publish what they want. */
export type MessageOf<T> = Omit<Message, 'data'> & { readonly data: T };

export interface SubscriptionHandlers<T = Json> {
  /** Every message, once, in the order of its offsets. */
  message(message: MessageOf<T>): void;
  /**
   * Messages before `position` were lost: reload your state. Messages continue after `position`; this is called before any
   * of them.
   */
  gap(position: Position, reason: GapReason): void;
  /** The gateway's reply to the first subscribe, and to those after a reconnect, before the replayed messages. */
  subscribed?(reply: SubscribeReply): void;
  /** A member joined. Like `leave` and `members`, only with the option `presence`. */
  join?(member: Member): void;
  leave?(member: Member): void;
  /** The complete list, at the beginning and whenever joins or leaves may have been missed. */
  members?(members: Members): void;
  /** The gateway ended the subscription. */
  unsubscribed?(code: UnsubscribedCode): void;
  /** The gateway refused the subscription with an error that is not retryable, which ends it. Without this handler it goes to the client's `error` event. */
  error?(error: HoldfastError): void;
}

/** Without the first two, messages are read with `for await`. */
export type AnyHandlers<T> =
  | SubscriptionHandlers<T>
  | (Omit<Partial<SubscriptionHandlers<T>>, 'message' | 'gap'> & { message?: undefined; gap?: undefined });

/** The same, however it was passed. */
export type OptionalHandlers<T> = {
  [Name in keyof SubscriptionHandlers<T>]?: SubscriptionHandlers<T>[Name] | undefined;
};

/** A handler's name, and what it is called with. */
export type HandlerCall = {
  [Name in keyof SubscriptionHandlers]-?: [Name, ...Parameters<NonNullable<SubscriptionHandlers[Name]>>];
}[keyof SubscriptionHandlers];

export interface SubscriptionOptions {
  /** Begin with up to this many recent messages, 1–1,000. */
  readonly last?: number | undefined;
  /** Begin after this position, for example an earlier {@link Subscription.position}. Takes precedence over `last`. */
  readonly since?: Position | undefined;
  /** Receive presence: `members`, `join` and `leave`. */
  readonly presence?: boolean | undefined;
  /**
   * Returns a subscription token. Called at the first subscribe, and again if the gateway refuses the token or it expired.
   * If it throws `new HoldfastError('unauthorized', …)`, the subscription ends.
   */
  readonly token?: ((channel: string) => string | Promise<string>) | undefined;
  /** Ends the subscription when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A subscription to a channel, which lasts across connections until {@link Subscription.unsubscribe}. Several of one
 * channel share a single one at the gateway.
 *
 * `for await` yields the messages. If some are lost and there is no `gap` handler, it throws `gap`; another loop continues
 * after them. It ends when the subscription does, and leaving the loop ends the subscription.
 */
export interface Subscription<T = Json> extends AsyncIterable<MessageOf<T>> {
  readonly channel: string;
  /** The last delivered position; undefined before the first reply. */
  readonly position: Position | undefined;
  /** The gateway's reply to the first subscribe. Rejects with a {@link HoldfastError} that is not retryable. */
  readonly ready: Promise<SubscribeReply>;
  /** Ends the subscription: nothing is delivered from now on. Resolves when the gateway has confirmed it, or is not reachable. */
  unsubscribe(): Promise<void>;
  /** Ends the subscription at the end of a `using` block. */
  [Symbol.dispose](): void;
}

export const HANDLER_KINDS = {
  message: FUNCTION,
  gap: FUNCTION,
  subscribed: FUNCTION,
  join: FUNCTION,
  leave: FUNCTION,
  members: FUNCTION,
  unsubscribed: FUNCTION,
  error: FUNCTION,
};

export const SUBSCRIPTION_KINDS = {
  last: COUNT,
  since: POSITION,
  presence: BOOLEAN,
  token: FUNCTION,
  signal: ANY,
};
