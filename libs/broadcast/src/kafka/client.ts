import type { Brokers } from './brokers.js';
import type { KafkaLibrary } from './library.js';
import type { Metadata } from './metadata.js';

/** What everything that talks to the cluster needs. */
export interface KafkaClient {
  readonly library: KafkaLibrary;
  readonly brokers: Brokers;
  readonly metadata: Metadata;
  /** The name of the topic. */
  readonly topic: string;
}
