import { Holdfast, HoldfastError, type StateChange } from '@holdfast/client';
import { ExplainedSockets } from './explained-sockets.js';
import { EXIT, Failure } from './failure.js';
import { displayUrl } from './gateway-url.js';
import type { Publish } from './publication.js';
import { refusal } from './refusal.js';

export interface WebSocketGateway {
  readonly url: URL;
  readonly token: string | undefined;
  /** In ms. */
  readonly timeout: number;
}

/** Publishes over a WebSocket, like a client. */
export function publishOverWebSocket(gateway: WebSocketGateway): Publish {
  return ({ channel, data, ...options }) =>
    requestOverWebSocket(gateway, (client) => client.publish(channel, data, options), {
      failed: 'not published',
      onTimeout: 'it may have been stored, only publish again with the same --key',
    });
}

/** What to say about a request that fails. */
interface Failing {
  readonly failed: string;
  readonly onTimeout?: string;
}

/**
 * Connects, makes one request, and closes the connection.
 *
 * @throws Failure
 */
export async function requestOverWebSocket<T>(
  { url, token, timeout }: WebSocketGateway,
  request: (client: Holdfast) => Promise<T>,
  { failed, onTimeout }: Failing,
): Promise<T> {
  const sockets = new ExplainedSockets();
  const client = new Holdfast(url, { token, WebSocket: sockets.WebSocket });
  let latest: StateChange = { state: 'connecting' };
  client.on('state', (change) => (latest = change));

  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(timeUp(latest, { url, timeout, onTimeout, failure: sockets.failure })),
    timeout,
  );
  try {
    return await Promise.race([request(client), timedOut]);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw refusal(failed, latest.state === 'closed' ? (latest.reason ?? error) : error);
  } finally {
    clearTimeout(timer);
    await client.close();
  }
}

interface TimeUp {
  readonly url: URL;
  readonly timeout: number;
  readonly onTimeout: string | undefined;
  /** Why the latest connection failed, if that is known. */
  readonly failure: string | undefined;
}

function timeUp({ state, reason }: StateChange, { url, timeout, onTimeout, failure }: TimeUp): Failure {
  const gateway = displayUrl(url);
  if (state === 'connecting') {
    const known = failure ?? reason?.message;
    const why = known === undefined ? '' : ` (${known})`;
    return new Failure(
      EXIT.unreachable,
      `cannot reach ${gateway} within ${timeout} ms${why}: is a gateway running there? See --url`,
    );
  }
  return new Failure(
    state === 'connected' ? EXIT.failed : EXIT.unreachable,
    `no response from ${gateway} within ${timeout} ms${onTimeout === undefined ? '' : `: ${onTimeout}`}`,
  );
}

/**
 * Connects, and closes the connection.
 *
 * @returns the name of the pod.
 * @throws Failure if the gateway refuses the connection.
 */
export function welcomedBy(gateway: WebSocketGateway): Promise<string> {
  return requestOverWebSocket(
    gateway,
    (client) =>
      new Promise((resolve, reject) => {
        client.on('state', ({ state, welcome, reason }) => {
          if (state === 'connected') resolve(welcome?.node ?? '');
          else if (state === 'closed' && reason !== undefined) reject(refusal('refused', reason));
        });
        client.on('error', (error) => reject(refusal('refused', error)));
      }),
    { failed: 'refused' },
  );
}
