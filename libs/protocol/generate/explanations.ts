import type { CloseName } from '../src/close-codes.ts';
import type { ErrorCode } from '../src/errors.ts';

/** How an error reaches the one who caused it. */
export type Carrier =
  /** An `error` frame, under the id of the request. */
  | 'frame'
  /** The HTTP answer to a WebSocket upgrade. */
  | 'upgrade'
  /** The answer of the HTTP API, or an item of a batch's answer. */
  | 'api'
  /** The answer to any other HTTP request, on either port. */
  | 'http';

interface Explanation {
  readonly carriers: readonly Carrier[];
  readonly why: string;
  readonly advice: string;
}

/**
 * What the catalogue's error codes mean, for docs/errors.md alone: in src it would be part of the bundles of clients.
 */
export const ERROR_EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  malformed: {
    carriers: ['frame', 'api', 'http'],
    why: 'A frame or body is not JSON, or not an object with a string `event`; or a request is not HTTP/1.1.',
    advice: 'Fix the client. Many such frames end the connection with 1008.',
  },
  binary_unsupported: {
    carriers: ['frame'],
    why: 'A binary frame was sent.',
    advice: 'Send text frames.',
  },
  unknown_event: {
    carriers: ['frame'],
    why: 'Neither the protocol nor a gateway class of your own has this event, and no backend answers calls.',
    advice: 'Fix the event’s name, deploy the gateway that has it, or set `HOLDFAST_RPC_URL`.',
  },
  id_required: {
    carriers: ['frame'],
    why: '`connect`, `subscribe`, `presence`, `history` or `refresh` came without an `id`.',
    advice: 'Send an `id`.',
  },
  id_reused: {
    carriers: ['frame'],
    why: 'A request with this `id` has not been answered yet. The refused request was not carried out.',
    advice: 'Count ids up for as long as a connection lasts.',
  },
  invalid: {
    carriers: ['frame', 'upgrade', 'api', 'http'],
    why: 'A member of the request is missing, unknown or out of range, or an HTTP request is ambiguous. The message names the first problem.',
    advice: 'Fix the request.',
  },
  invalid_channel: {
    carriers: ['frame', 'api'],
    why: 'The channel’s name is empty, too long, or has a character that names may not have.',
    advice: 'Use 1–255 characters of `A-Z a-z 0-9 _ - . : / % #`, or `@USER`.',
  },
  too_large: {
    carriers: ['frame', 'api'],
    why: 'The published data with what the gateway adds exceeds `connection.maxPayload`, or a body exceeds `api.maxBody`.',
    advice:
      'Publish less at once, or a reference to large data. A frame that is too large closes the connection with 1009 instead.',
  },
  not_connected: {
    carriers: ['frame'],
    why: 'The connection has no token yet, or ended while the request was handled.',
    advice: 'Send `connect` first.',
  },
  already_connected: {
    carriers: ['frame'],
    why: '`connect` was sent on a connection that is already authenticated.',
    advice: 'Send `refresh` to replace the token.',
  },
  unauthorized: {
    carriers: ['frame', 'upgrade', 'api'],
    why: 'The token or API key is missing, invalid or expired.',
    advice: 'Get another token. The same one will be refused again.',
  },
  forbidden: {
    carriers: ['frame', 'upgrade', 'api'],
    why: 'Neither the token, a rule nor the webhook permits this; or the user is blocked for a while.',
    advice:
      'Grant the permission: in the token’s `channels` or `publish`, in a subscription token, or in the namespace’s rules.',
  },
  origin_forbidden: {
    carriers: ['upgrade'],
    why: 'The `Origin` of the page is not in `HOLDFAST_ALLOWED_ORIGINS`.',
    advice: 'Add the origin, with its scheme and port.',
  },
  already_subscribed: {
    carriers: ['frame'],
    why: 'This connection is subscribed to the channel.',
    advice: 'Unsubscribe first if you want to subscribe with other options.',
  },
  not_subscribed: {
    carriers: ['frame'],
    why: 'This connection is not subscribed to the channel, or ended meanwhile.',
    advice: 'Nothing: the subscription is gone.',
  },
  presence_disabled: {
    carriers: ['frame', 'api'],
    why: 'The namespace has no presence.',
    advice: 'Switch `presence` on for the namespace, or do not ask for it.',
  },
  history_disabled: {
    carriers: ['frame', 'api'],
    why: 'The namespace has no history (`history.size` is 0).',
    advice: 'Configure a history for the namespace, or subscribe without `last`.',
  },
  key_conflict: {
    carriers: ['frame', 'api'],
    why: 'The same publisher used this idempotency key on this channel within `keyWindow`, with other data.',
    advice: 'Use one key for one message. Nothing was stored.',
  },
  not_found: {
    carriers: ['upgrade', 'api', 'http'],
    why: 'There is nothing at this path. WebSockets are at `/ws`, metrics on the management port at `/metrics`.',
    advice: 'Fix the path.',
  },
  method_not_allowed: {
    carriers: ['upgrade', 'api', 'http'],
    why: 'The path exists, but not for this method.',
    advice: 'Use a method that the header `Allow` lists.',
  },
  unsupported_media_type: {
    carriers: ['api'],
    why: 'The body is not declared as JSON.',
    advice: 'Send `Content-Type: application/json`.',
  },
  upgrade_required: {
    carriers: ['upgrade', 'http'],
    why: 'A plain request came to `/ws`, or an upgrade to another version than 13.',
    advice: 'Open a WebSocket. If you do, a proxy in front drops the `Upgrade` header.',
  },
  refused: {
    carriers: ['frame', 'api'],
    why: 'The handler of a call threw a `WsException`, the backend answered a call with an `error`, or one of your HTTP handlers answered with a 4xx that has no code here.',
    advice: 'See the message and `data`, which are the handler’s.',
  },
  headers_too_large: {
    carriers: ['upgrade', 'http'],
    why: 'The headers and the request target exceed `limits.maxHeader`.',
    advice: 'Send fewer cookies or a shorter token, or raise the limit here and in the proxies.',
  },
  request_timeout: {
    carriers: ['upgrade', 'http'],
    why: 'The headers or the body came too slowly.',
    advice: 'Try again.',
  },
  too_many_connections: {
    carriers: ['frame', 'upgrade'],
    why: 'The user or the address has as many connections as it may, or takes more than its share of the memory.',
    advice: 'Close connections that are not needed. Wait before the next attempt, as `Retry-After` says.',
  },
  too_many_subscriptions: {
    carriers: ['frame'],
    why: 'The connection has `limits.subscriptions` subscriptions.',
    advice: 'Unsubscribe from channels that are not needed.',
  },
  out_of_order: {
    carriers: ['frame'],
    why: 'The publish that `after` names failed, so this one was not carried out: it would have overtaken the other.',
    advice: 'Retry the other one first. The library does this.',
  },
  rate_limited: {
    carriers: ['frame', 'upgrade', 'api'],
    why: 'A rate or quota is exhausted: of the connection, the user, the address or the API key. Nothing was done.',
    advice: 'Try again later, waiting longer each time. A connection that goes on regardless is closed with 1008.',
  },
  draining: {
    carriers: ['upgrade'],
    why: 'The pod starts or stops.',
    advice: 'Connect again: the load balancer picks another pod.',
  },
  overloaded: {
    carriers: ['frame', 'upgrade', 'http'],
    why: 'The pod has no room: connections, memory, file descriptors, or its event loop is late. For a subscribe, also: there is no room for another channel of this user.',
    advice: 'Try again later. Operators: add pods, or see the metric `holdfast_limited_total`.',
  },
  authorization_unavailable: {
    carriers: ['frame', 'upgrade'],
    why: 'The authorization webhook or the identity provider’s keys cannot be reached, so that the request can be neither permitted nor refused.',
    advice: 'Try again later. Operators: look at the backend.',
  },
  unavailable: {
    carriers: ['frame', 'api'],
    why: 'The broker cannot be reached or refuses writes, or the backend that answers a call cannot be reached. Nothing was done.',
    advice: 'Try again later.',
  },
  unknown: {
    carriers: ['frame', 'api'],
    why: 'The broker did not answer within 2 s, or the backend did not answer a call. It may have been done.',
    advice:
      'Publish again under the same key. Without a key, a retry may store it twice. Repeat a call only if it may be carried out twice.',
  },
  internal: {
    carriers: ['frame', 'upgrade', 'api', 'http'],
    why: 'A bug in the gateway, or an exception in a handler of your own.',
    advice: 'See the gateway’s log. Try again later.',
  },
};

/** The upgrade's refusals that a client of `holdfast.v1.json` sees as a close code, as browsers hide the HTTP answer. */
export const CLOSE_OF_REFUSAL: Readonly<Partial<Record<ErrorCode, CloseName>>> = {
  unauthorized: 'unauthorized',
  forbidden: 'forbidden',
  origin_forbidden: 'forbidden',
  too_many_connections: 'overloaded',
  rate_limited: 'overloaded',
  authorization_unavailable: 'overloaded',
};

/** When the gateway closes a connection with each code. */
export const CLOSE_EXPLANATIONS: Readonly<Record<CloseName, string>> = {
  normal: 'The client closed the connection; the gateway answers with the same code.',
  goingAway: 'The page or a proxy goes away. The gateway itself uses 1012.',
  badFraming: 'The client broke the framing of RFC 6455: a bug of its WebSocket library.',
  invalidText: 'The client sent a text frame that is not UTF-8.',
  abuse: 'More bad frames or more frames than the limits allow, or a message in too many fragments.',
  tooBig: 'A frame exceeds `maxPayload`, which the welcome announces.',
  internal: 'Authentication failed because of a bug in the gateway, see its log.',
  restart: 'The pod stops, and the time that `reconnect` gave is over. Also when `connection.maxAge` is reached.',
  overloaded:
    'The client reads too slowly, or there is no room for it, or its token cannot be verified now. To browsers also in place of the HTTP status 429.',
  unauthorized: 'The token expired, was refused, or did not come within `connection.authTimeout`.',
  forbidden: 'The user or the origin may not connect.',
  disconnected: 'A backend called `POST /api/users/USER/disconnect`.',
  replaced: 'A newer connection presented the same session, 15 s ago or more.',
};
