import { Holdfast, HoldfastError, type StateChange } from '@holdfast/client';
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
export function publishOverWebSocket({ url, token, timeout }: WebSocketGateway): Publish {
  return async ({ channel, data, key }) => {
    const client = new Holdfast(url, { token });
    let latest: StateChange = { state: 'connecting' };
    client.on('state', (change) => (latest = change));

    const { promise: timedOut, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(timeUp(latest, url, timeout)), timeout);
    try {
      return await Promise.race([client.publish(channel, data, { key }), timedOut]);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw refusal('not published', latest.state === 'closed' ? (latest.reason ?? error) : error);
    } finally {
      clearTimeout(timer);
      await client.close();
    }
  };
}

function timeUp({ state, reason }: StateChange, url: URL, timeout: number): Failure {
  const gateway = displayUrl(url);
  if (state === 'connecting') {
    const why = reason === undefined ? '' : ` (${reason.message})`;
    return new Failure(
      EXIT.unreachable,
      `cannot reach ${gateway} within ${timeout} ms${why}: is a gateway running there? See --url`,
    );
  }
  return new Failure(
    state === 'connected' ? EXIT.failed : EXIT.unreachable,
    `no response from ${gateway} within ${timeout} ms: it may have been stored, only publish again with the same --key`,
  );
}
