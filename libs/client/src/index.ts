export { Holdfast } from './client.js';
export type { HoldfastEvents, Move, State, StateChange } from './reports.js';
export type { BackoffOptions } from './backoff.js';
export type { AnyCalls, CallData, CallName, CallResult } from './call-map.js';
export type { AnyChannels, ChannelName, DataOf } from './channel-map.js';
export type { HoldfastOptions } from './client-options.js';
export type { CloseReason } from './connection.js';
export type { Debug, Log } from './debug.js';
export { HoldfastError, type ClientErrorCode, type HoldfastErrorCode, type HoldfastErrorOptions } from './errors.js';
export type { GapReason } from './handover.js';
export type { PublishOptions } from './publish-options.js';
export type { SocketConstructor, SocketLike } from './socket.js';
export type {
  AnyHandlers,
  MessageOf,
  Subscription,
  SubscriptionHandlers,
  SubscriptionOptions,
} from './subscription.js';
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
