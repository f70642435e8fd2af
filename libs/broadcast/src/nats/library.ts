import type * as jetstream from '@nats-io/jetstream';
import type * as transport from '@nats-io/transport-node';
import { LogRefusedError } from '../log/log-adapter.js';
import { isMissingPackage } from '../missing-package.js';

/** NATS' own client. It is loaded only if a URL asks for NATS. */
export type NatsLibrary = Pick<
  typeof transport,
  | 'connect'
  | 'createInbox'
  | 'credsAuthenticator'
  | 'headers'
  | 'nkeyAuthenticator'
  | 'tokenAuthenticator'
  | 'usernamePasswordAuthenticator'
> &
  Pick<typeof jetstream, 'jetstreamManager'>;

/** @throws LogRefusedError if its packages are not installed. */
export async function loadLibrary(): Promise<NatsLibrary> {
  try {
    const [core, streams] = await Promise.all([import('@nats-io/transport-node'), import('@nats-io/jetstream')]);
    return { ...core, ...streams };
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new LogRefusedError('install the packages @nats-io/transport-node and @nats-io/jetstream for a NATS broker', {
      cause: error,
    });
  }
}
