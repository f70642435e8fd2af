import type { Json, Position } from '@holdfast/client';

export interface Publication {
  readonly channel: string;
  readonly data: Json;
  readonly key?: string | undefined;
  /** A W3C trace context. */
  readonly traceparent?: string | undefined;
}

/** Rejects with a Failure. */
export type Publish = (publication: Publication) => Promise<Position>;
