import type * as Kafka from '@platformatic/kafka';
import { LogRefusedError } from '../log/log-adapter.js';

export type KafkaLibrary = typeof Kafka;

/**
 * Loads the client library, which only users of Kafka need.
 *
 * @throws LogRefusedError if it is not installed.
 */
export async function loadKafka(): Promise<KafkaLibrary> {
  try {
    return await import('@platformatic/kafka');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new LogRefusedError(`the package @platformatic/kafka cannot be loaded${code}: install it beside the gateway`);
  }
}
