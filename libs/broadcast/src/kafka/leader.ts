import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { errorName } from './error-codes.js';

/** The leader of a partition, and a connection to it. */
export interface LeaderConnection {
  readonly partition: number;
  readonly connection: BrokerConnection;
  /** As in metadata. */
  readonly epoch: number;
}

/** @throws LogUnavailableError if there is no leader, or no connection to it. */
export async function leaderOf({ metadata }: KafkaClient, partition: number): Promise<LeaderConnection> {
  const { epoch, link } = metadata.leaderLink(partition);
  return { partition, connection: await link.get(), epoch };
}

/**
 * Says which error a broker answered. It may not lead the partition any more, so the metadata is refreshed: a connection that still
 * works would never show that it is outdated.
 */
export function problemOf({ library, metadata }: KafkaClient, errorCode: number): string {
  metadata.outdated();
  return `the broker answered ${errorName(library.protocolErrorsCodesById, errorCode)}`;
}
