export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** A line of the log, as docs/logs.md describes it. */
interface LogEvent {
  readonly level: Level;
  /** The line's `msg`. `{name}` is replaced by that field. */
  readonly message: string;
  /** When it is written, as a clause. */
  readonly when: string;
  /** What its fields contain. */
  readonly fields?: Readonly<Record<string, string>>;
  /**
   * If it may be written often: at most one line a minute for the same values of these fields. Their values are kept in
   * memory.
   */
  readonly sampledBy?: readonly string[];
}

const ERR = { err: 'the error' };
const CONNECTION = { connection: 'its id', user: 'absent for an anonymous client' };
const PARTITIONS = { partitions: 'their numbers' };
const REASON = { reason: 'what went wrong' };
const NEW_EPOCH = 'all channels of these partitions got a new epoch';

/**
 * Every line that the gateway writes, by its `event`. The names are part of what we promise: people search for them and
 * alert on them.
 */
export const logEvents = {
  'gateway.limits': {
    level: 'info',
    message:
      'limits derived from memory, in bytes, and the approximate number of idle connections or channels that fit',
    when: 'the gateway starts',
    fields: {
      memory: 'of the container or the machine, in bytes',
      held: 'what connections, subscriptions and channels may hold, in bytes',
      buffered: 'what may wait to be sent, in bytes',
      connections: 'how many fit',
      channels: 'how many fit',
    },
  },
  'gateway.warmed_up': {
    level: 'info',
    message: 'warmed up: the code that clients need is compiled',
    when: 'the gateway has started, and its code ran for clients that it made up (not in development mode)',
    fields: { visits: 'how often such a client came', ms: 'how long it took' },
  },
  'gateway.warm_up_failed': {
    level: 'warn',
    message: 'the warm-up failed: the first clients are served more slowly',
    when: 'the gateway has started, and its code could not be run before',
    fields: ERR,
  },
  'gateway.listening': {
    level: 'info',
    message: 'listening on {url}',
    when: 'the gateway accepts connections',
    fields: { url: 'its own URL' },
  },
  'gateway.anonymous_access': {
    level: 'warn',
    message: 'anonymous access is on: clients without a token may connect',
    when: 'the gateway starts with `auth.anonymous`',
  },
  'gateway.nobody_can_connect': {
    level: 'warn',
    message:
      'nobody can connect: set HOLDFAST_JWT_SECRET, HOLDFAST_JWT_PUBLIC_KEY or HOLDFAST_JWKS_URL, or HOLDFAST_ANONYMOUS=true',
    when: 'the gateway starts without anything that tells users apart',
  },
  'gateway.development_key': {
    level: 'info',
    message: 'API key of this run: {key}',
    when: 'a gateway in development mode has generated an API key for itself',
    fields: { key: 'the only key that is ever logged' },
  },
  'gateway.stopping': {
    level: 'info',
    message: 'stopping: no longer ready',
    when: 'a signal or an uncaught error has begun the stop',
    fields: { connections: 'how many are open', settle: 'in ms', window: 'of the drain, in ms' },
  },
  'gateway.draining': {
    level: 'info',
    message: 'draining: clients are asked to reconnect',
    when: 'the settle time is over',
    fields: { clients: 'how many are left' },
  },
  'gateway.drained': {
    level: 'info',
    message: 'drained',
    when: 'no client is left',
    fields: { moved: 'clients that reconnected in time', closed: 'clients that were closed' },
  },
  'gateway.stopped': { level: 'info', message: 'stopped', when: 'the process ends' },
  'gateway.stop_failed': {
    level: 'error',
    message: 'stopping failed',
    when: 'something could not be closed; the process ends anyway',
    fields: ERR,
  },
  'gateway.uncaught_error': {
    level: 'fatal',
    message: 'uncaught error: stopping',
    when: 'the first error that nobody caught stops the gateway',
    fields: { ...ERR, origin: '`uncaughtException` or `unhandledRejection`' },
  },
  'gateway.further_uncaught_error': {
    level: 'fatal',
    message: 'uncaught error',
    when: 'another one follows while it stops; 99 at most',
    fields: { ...ERR, origin: 'as above' },
  },

  'secret.reloaded': {
    level: 'info',
    message: '{variable} was read again',
    when: 'a secret file has changed, and its value is in use',
    fields: { variable: 'which names the file' },
  },
  'secret.emptied': {
    level: 'warn',
    message: '{variable} is now empty: {consequence}',
    when: 'a secret file has become empty',
    fields: { variable: 'which names the file', consequence: 'what no longer works' },
  },
  'secret.refused': {
    level: 'error',
    message: '{problem}',
    when: 'a secret file has changed and is not valid; the previous value stays in use',
    fields: { variable: 'which names the file', problem: 'what was expected' },
  },

  'overload.began': {
    level: 'warn',
    message: 'overloaded',
    when: 'the gateway begins to refuse upgrades because it is overloaded',
    fields: {
      eventLoopDelayMs: 'the average of the last second',
      memory: 'the share in use',
      heap: 'the share in use',
    },
  },
  'overload.ended': { level: 'info', message: 'no longer overloaded', when: 'upgrades are accepted again' },
  'overload.not_measured': {
    level: 'warn',
    message: 'the load could not be measured; trying again',
    when: 'a measurement failed',
    fields: ERR,
    sampledBy: [],
  },

  'broker.down': {
    level: 'warn',
    message: 'the broker is down: {consequence}; trying again',
    when: 'an outage of the broker begins',
    fields: { ...REASON, consequence: 'for this pod' },
  },
  'broker.up': { level: 'info', message: 'the broker is up', when: 'an outage of the broker ends' },
  'broker.check_failed': {
    level: 'error',
    message: 'the state of the broker could not be checked',
    when: 'an internal error occurred while the broker was checked',
    fields: ERR,
    sampledBy: ['err'],
  },
  'broker.reconnected': {
    level: 'info',
    message: 'a lost connection to the broker was restored',
    when: 'a connection to the broker was lost and is back, with a log',
    fields: { reason: 'of the loss', seconds: 'for which it was lost' },
    sampledBy: [],
  },
  'broker.evicts': {
    level: 'warn',
    message:
      'the broker removes data once its memory is full, and clients then have gaps; set maxmemory-policy noeviction',
    when: 'a Redis with a memory limit is connected to, and its `maxmemory-policy` is not `noeviction`',
    fields: { policy: '`maxmemory-policy`' },
    sampledBy: [],
  },
  'broker.log_interrupted': {
    level: 'info',
    message: 'reading the log was interrupted, and begins again',
    when: 'another server leads the partition, or the reader stopped',
    fields: { ...PARTITIONS, ...REASON },
    sampledBy: [],
  },
  'broker.behind': {
    level: 'warn',
    message: 'this pod is behind the log, and its clients receive messages late; check its CPU, and the broker',
    when: 'the lag is above 30 s without an outage',
    fields: { ...PARTITIONS, seconds: 'the lag' },
    sampledBy: [],
  },
  'broker.caught_up': {
    level: 'info',
    message: 'this pod is no longer behind the log',
    when: 'the lag is small again',
    fields: PARTITIONS,
    sampledBy: [],
  },
  'broker.log_started': {
    level: 'info',
    message: 'the log was empty, and was started',
    when: 'the first pod has started',
    fields: PARTITIONS,
    sampledBy: [],
  },
  'broker.log_truncated': {
    level: 'error',
    message: `the log has lost entries that this pod had read: ${NEW_EPOCH}; check whether a server lost its disk, or a replica that was behind became the leader`,
    when: 'the log has [lost](runbooks/HoldfastBrokerLogLoss.md) entries that this pod had read',
    fields: { ...PARTITIONS, cause: '`truncated`' },
    sampledBy: [],
  },
  'broker.log_recreated': {
    level: 'error',
    message: `the log was deleted and created again: ${NEW_EPOCH}; check who deleted it`,
    when: 'the log was deleted and created again',
    fields: { ...PARTITIONS, cause: '`recreated`' },
    sampledBy: [],
  },
  'broker.log_differs': {
    level: 'error',
    message: `the pods did not read the same entries: ${NEW_EPOCH}; keep the logs of all pods and of the broker, and report it`,
    when: 'the digests of two pods differ',
    fields: { ...PARTITIONS, cause: '`digest`' },
    sampledBy: [],
  },
  'broker.log_trimmed': {
    level: 'warn',
    message:
      'the log removed entries before this pod had read them: subscribers get a gap; check how long the pod was cut off, and the retention of the log',
    when: 'the log has removed entries that this pod had not read',
    fields: { ...PARTITIONS, cause: '`trimmed`' },
    sampledBy: [],
  },
  'broker.log_expired': {
    level: 'warn',
    message: `the log contains no snapshot, and no pod knows its state: ${NEW_EPOCH}; all pods were away for longer than the log keeps its entries, or snapshots were not written`,
    when: 'the log contains no snapshot, and no pod knows its state',
    fields: { ...PARTITIONS, cause: '`expired`' },
    sampledBy: [],
  },
  'broker.log_changed': {
    level: 'warn',
    message: `another pod found that the log is not the same any more: ${NEW_EPOCH}; its log shows why`,
    when: 'another pod has found one of these losses',
    fields: { ...PARTITIONS, cause: '`other_pod`' },
    sampledBy: [],
  },
  'broker.snapshot_failed': {
    level: 'warn',
    message: 'a snapshot could not be written to the log; trying again',
    when: 'the broker did not take a snapshot',
    fields: { ...PARTITIONS, ...REASON },
    sampledBy: [],
  },
  'broker.snapshot_overdue': {
    level: 'warn',
    message:
      'the latest snapshot in the log is too old: if no other is written, pods that start will not know positions and histories; check whether the broker accepts entries of 64 KiB',
    when: 'the latest snapshot is older than the window',
    fields: { ...PARTITIONS, seconds: 'its age' },
    sampledBy: [],
  },
  'broker.input_refused': {
    level: 'warn',
    message: 'skipped invalid data from the broker',
    when: 'an operator, another application or a pod of another release wrote something that cannot be used',
    fields: { kind: 'of the data', name: 'of the channel, user or server that it was read for' },
    sampledBy: ['kind'],
  },
  'broker.input_failed': {
    level: 'error',
    message: 'skipped data from the broker because of an internal error',
    when: 'an internal error occurred while data from the broker was handled',
    fields: ERR,
    sampledBy: ['err'],
  },
  'broker.message_refused': {
    level: 'warn',
    message: 'refused a message that a backend published through the broker',
    when: 'a message that a backend published through the broker is not valid, or may not be published so',
    fields: { reason: 'as in the metric', channel: 'absent if it is not the name of a channel' },
    sampledBy: ['reason'],
  },

  'token.refused': {
    level: 'info',
    message: 'refused a token',
    when: 'a client presented a token that is not valid',
    fields: { reason: 'as in the metric', detail: 'what is wrong with it' },
    sampledBy: ['reason'],
  },
  'origin.refused': {
    level: 'warn',
    message: 'refused a page of another origin: if it is yours, add its origin to HOLDFAST_ALLOWED_ORIGINS',
    when: 'a page of an origin that is not allowed tried to connect',
    fields: { origin: 'its first 200 characters' },
    sampledBy: ['origin'],
  },
  'keys.unavailable': {
    level: 'warn',
    message: 'the keys of HOLDFAST_JWKS_URL cannot be fetched; trying again',
    when: 'the first fetch of the key set failed',
    fields: REASON,
  },
  'keys.fetch_failed': {
    level: 'debug',
    message: 'the keys of HOLDFAST_JWKS_URL cannot be fetched; trying again',
    when: 'another fetch of the key set failed',
    fields: REASON,
  },
  'keys.available': {
    level: 'info',
    message: 'the keys of HOLDFAST_JWKS_URL can be fetched again',
    when: 'a fetch of the key set succeeded after one that failed',
  },
  'keys.fetched': {
    level: 'debug',
    message: 'the keys of HOLDFAST_JWKS_URL were fetched',
    when: 'a fetch of the key set succeeded',
  },

  'authorization.paused': {
    level: 'warn',
    message: 'the authorization webhook is failing; requests are paused',
    when: 'the circuit breaker of the authorization webhook opens',
  },
  'authorization.resumed': {
    level: 'info',
    message: 'the authorization webhook works again',
    when: 'it closes',
  },
  'authorization.failed': {
    level: 'debug',
    message: 'a request to the authorization webhook failed',
    when: 'a request to the authorization webhook failed',
    fields: { action: '`connect`, `subscribe` or `publish`', ...REASON },
  },
  'rpc.paused': {
    level: 'warn',
    message: 'the RPC webhook is failing; requests are paused',
    when: 'the circuit breaker of the RPC webhook opens',
  },
  'rpc.resumed': { level: 'info', message: 'the RPC webhook works again', when: 'it closes' },
  'rpc.failed': {
    level: 'debug',
    message: 'a request to the RPC webhook failed',
    when: 'a request to the RPC webhook failed',
    fields: REASON,
  },
  'events.failing': {
    level: 'warn',
    message: 'the event webhook failed; trying again',
    when: 'the first request to the event webhook failed',
    fields: REASON,
  },
  'events.resumed': {
    level: 'info',
    message: 'the event webhook works again',
    when: 'a request to the event webhook succeeded after one that failed',
  },
  'events.dropped': {
    level: 'error',
    message: 'events were dropped',
    when: 'the backend has accepted nothing for as long as events are kept',
    fields: { ...REASON, events: 'how many' },
    sampledBy: [],
  },
  'events.refused': {
    level: 'warn',
    message: 'events were dropped: the backend refuses them, but accepts others',
    when: 'the backend has refused some events for as long as events are kept, and accepts others',
    fields: { events: 'how many' },
    sampledBy: [],
  },
  'events.send_failed': {
    level: 'error',
    message: 'events could not be sent',
    when: 'an internal error occurred while events were sent',
    fields: ERR,
    sampledBy: ['err'],
  },

  'connection.opened': {
    level: 'debug',
    message: 'connected',
    when: 'a client has proven its identity, or is welcome without one',
    fields: CONNECTION,
  },
  'connection.closed': {
    level: 'debug',
    message: 'disconnected',
    when: 'a connection has ended',
    fields: { ...CONNECTION, code: 'the close code' },
  },
  'connection.not_registered': {
    level: 'debug',
    message: 'the registry of connections was not updated',
    when: 'the broker did not take an entry of the connection directory; an outage is logged once',
    fields: { ...CONNECTION, ...REASON },
  },
  'presence.rejoin_failed': {
    level: 'error',
    message: 'a client could not rejoin a channel',
    when: 'an internal error occurred',
    fields: ERR,
    sampledBy: ['err'],
  },
  'presence.leave_failed': {
    level: 'debug',
    message: 'a leave could not be sent to the broker',
    when: 'the broker did not take the leave of a member; its lease ends anyway',
    fields: { ...CONNECTION, ...ERR },
  },
  'users.disconnected': {
    level: 'info',
    message: 'an operator disconnected a user',
    when: 'by the operations page',
    fields: { user: 'who was disconnected' },
  },
  'users.blocked': {
    level: 'info',
    message: 'an operator blocked a user',
    when: 'by the operations page',
    fields: { user: 'who was disconnected', until: 'when the block ends, in ms since the Unix epoch' },
  },
  'users.unblocked': {
    level: 'info',
    message: 'an operator unblocked a user',
    when: 'by the operations page',
    fields: { user: 'who may connect again' },
  },
  'users.commands_missed': {
    level: 'warn',
    message: 'user commands were missed: this pod was cut off from the broker for too long',
    when: 'this pod was cut off from the broker for longer than commands are kept',
  },

  'http.answered': {
    level: 'debug',
    message: 'request completed',
    when: 'an HTTP request was answered with a status below 500, or with 503 or 504',
    fields: {
      req: '`method`, and `url` without its query',
      res: '`statusCode`',
      responseTime: 'in ms',
    },
  },
  'http.answered_with_error': {
    level: 'warn',
    message: 'request completed',
    when: 'an HTTP request was answered with another status of 500 and above',
    fields: { req: 'as above', res: 'as above', responseTime: 'in ms' },
    sampledBy: [],
  },
  'http.failed': {
    level: 'error',
    message: 'a request failed',
    when: 'an internal error occurred while an HTTP request was handled',
    fields: { ...ERR, req: 'as above' },
    sampledBy: ['err'],
  },
  'management.failed': {
    level: 'error',
    message: 'a management request failed',
    when: 'an internal error occurred while a request to the management port was handled',
    fields: { ...ERR, path: 'without its query' },
    sampledBy: ['err'],
  },
  'upgrade.failed': {
    level: 'error',
    message: 'an upgrade failed',
    when: 'an internal error occurred while a WebSocket was opened',
    fields: ERR,
    sampledBy: ['err'],
  },
  'request.failed': {
    level: 'error',
    message: 'a request could not be answered',
    when: 'an internal error occurred while a request of a client was handled',
    fields: { ...CONNECTION, ...ERR, request: 'its `event`, in the words of the protocol' },
    sampledBy: ['err'],
  },
  'publish.failed': {
    level: 'error',
    message: 'a publication failed',
    when: 'an internal error occurred while one message of a batch was published',
    fields: ERR,
    sampledBy: ['err'],
  },

  'traces.failed': {
    level: 'warn',
    message: 'traces could not be exported',
    when: 'the collector did not take them; they are lost',
    fields: REASON,
    sampledBy: [],
  },

  'nest.line': {
    level: 'info',
    message: '…',
    when: 'Nest, or a module of your own, has logged something by its own logger, at any level',
    fields: { context: 'usually a class' },
  },
} as const satisfies Readonly<Record<string, LogEvent>>;

export type EventName = keyof typeof logEvents;

/** The fields that a line of this event must have; undefined ones are left out. */
export type FieldsOf<E extends EventName> = (typeof logEvents)[E] extends { readonly fields: infer F }
  ? { readonly [K in keyof F]: unknown }
  : undefined;

export function describeEvent(event: EventName): LogEvent {
  return logEvents[event];
}
