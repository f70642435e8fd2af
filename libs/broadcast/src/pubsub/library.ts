import type * as Pubsub from '@google-cloud/pubsub';
import type * as Gax from 'google-gax';
import { LogRefusedError } from '../log/log-adapter.js';
import { isMissingPackage } from '../missing-package.js';

/** Google's own client, and the gRPC of it. They are loaded only if a URL asks for Pub/Sub. */
export interface PubsubLibrary {
  readonly v1: typeof Pubsub.v1;
  readonly grpc: typeof Gax.grpc;
  readonly auth: typeof Gax.googleAuthLibrary;
}

/** @throws LogRefusedError if its packages are not installed. */
export async function loadLibrary(): Promise<PubsubLibrary> {
  try {
    const [{ v1 }, { grpc, googleAuthLibrary }] = await Promise.all([
      import('@google-cloud/pubsub'),
      import('google-gax'),
    ]);
    return { v1, grpc, auth: googleAuthLibrary };
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new LogRefusedError('install the packages @google-cloud/pubsub and google-gax for a Google Pub/Sub broker', {
      cause: error,
    });
  }
}
