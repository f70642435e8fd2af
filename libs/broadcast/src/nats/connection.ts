import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Authenticator, MsgHdrs, NatsConnection, NatsConnectionImpl } from '@nats-io/transport-node';
import type { Address } from '../broker-url.js';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import { messageOf } from './errors.js';
import type { NatsLibrary } from './library.js';
import { readServerInfo } from './server-info.js';
import type { NatsCredentials } from './url.js';

/** ms that a server has for each of the steps of connecting. */
const TIMEOUT = 2_000;
/** ms after which the library forgets a call that nobody waits for any more. */
export const FORGET_CALL = 10_000;
/** A server that hangs is noticed after 3 of them. */
const PING_INTERVAL = 1_000;
const MAX_PINGS = 2;

export interface ConnectionOptions {
  readonly credentials: NatsCredentials;
  readonly tls: TlsOptions | undefined;
  /** Shown by the server's monitoring. */
  readonly name: string;
}

/** An open connection. */
export interface Session {
  readonly connection: NatsConnectionImpl;
  /** Calls of JetStream's management. */
  readonly manager: JetStreamManager;
  readonly createInbox: () => string;
  readonly createHeaders: () => MsgHdrs;
  /** Why this side has closed it; undefined if it did not. */
  reason: string | undefined;
}

/**
 * Connects to one server, once: the library's own reconnection would store entries later that the caller has given up.
 *
 * @throws LogUnavailableError with a reason that has no secret.
 */
export async function connectTo(
  library: NatsLibrary,
  address: Address,
  { credentials, tls, name }: ConnectionOptions,
  signal: AbortSignal,
): Promise<Session> {
  const { host, port } = address;
  const info = await readServerInfo(address, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]));
  if (tls === undefined && info.tls_required === true) {
    throw new LogRefusedError('the server requires TLS: use a nats+tls:// URL');
  }
  if (tls !== undefined && info.tls_required !== true && info.tls_available !== true) {
    throw new LogRefusedError('the server does not support TLS: configure it there, or use a nats:// URL');
  }
  try {
    const connection = (await library.connect({
      servers: [isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`],
      authenticator: authenticatorOf(library, credentials),
      tls: tls === undefined ? null : tlsOptions(tls, host),
      name,
      timeout: TIMEOUT,
      pingInterval: PING_INTERVAL,
      maxPingOut: MAX_PINGS,
      reconnect: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      // Node tries all addresses of a name by itself.
      resolve: false,
    })) as NatsConnectionImpl;
    if (signal.aborted) {
      await connection.close();
      throw new LogUnavailableError('closed');
    }
    const options = { checkAPI: false, timeout: FORGET_CALL };
    const session: Session = {
      connection,
      manager: await library.jetstreamManager(connection as NatsConnection, options),
      createInbox: () => library.createInbox(),
      createHeaders: () => library.headers(),
      reason: undefined,
    };
    watch(session).catch(() => undefined);
    return session;
  } catch (error) {
    if (error instanceof LogUnavailableError) throw error;
    throw connectionProblem(error);
  }
}

/** Closes a connection without waiting for the server. */
export async function abandon(session: Session, reason: string): Promise<void> {
  session.reason ??= reason;
  // The library would first wait until all data has been written, which a server that hangs prevents.
  session.connection.protocol.transport.discard();
  await session.connection.close();
}

async function watch(session: Session): Promise<void> {
  for await (const { type } of session.connection.status()) {
    if (type === 'staleConnection') await abandon(session, 'the server does not answer');
  }
}

function authenticatorOf(library: NatsLibrary, credentials: NatsCredentials): Authenticator {
  switch (credentials.kind) {
    case 'none':
      return () => undefined;
    case 'password':
      return library.usernamePasswordAuthenticator(credentials.user, credentials.password);
    case 'token':
      return library.tokenAuthenticator(credentials.token);
    case 'nkey':
      return library.nkeyAuthenticator(credentials.seed);
    case 'creds':
      return library.credsAuthenticator(credentials.creds);
  }
}

/** Names the server for the check of its certificate: the library names only hosts that it has resolved by itself. */
function tlsOptions(tls: TlsOptions, host: string): object {
  return { ...tls, ...(isIP(host) === 0 ? { servername: tls.servername ?? host } : { host }) };
}

/** Why there is no connection. */
export function connectionProblem(error: unknown): LogUnavailableError {
  const message = messageOf(error);
  if (!/authorization violation|authentication/i.test(message))
    return new LogUnavailableError(message, { cause: error });
  const advice = "check those in the broker's URL";
  return new LogRefusedError(`the server refuses the credentials (${message}): ${advice}`, { cause: error });
}
