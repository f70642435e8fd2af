export {
  Holdfast,
  type HoldfastEvents,
  type HoldfastOptions,
  type Move,
  type State,
  type StateChange,
} from './client.js';
export type { BackoffOptions } from './backoff.js';
export type { CloseReason } from './connection.js';
export { HoldfastError } from './errors.js';
export type { GapReason } from './handover.js';
export type { SocketConstructor, SocketLike } from './socket.js';
export type { Subscription, SubscriptionHandlers, SubscriptionOptions } from './subscription.js';
export type { Token } from './token.js';
export type {
  ErrorCode,
  HistoryReply,
  HistoryRequest,
  Json,
  Member,
  Members,
  Message,
  Position,
  Publication,
  Sender,
  SubscribeReply,
  UnsubscribedCode,
  Welcome,
} from '@holdfast/protocol';
