import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

/** What identifies a span, as the labels of an exemplar. */
export interface SpanIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** One step of a trace, which has begun. */
export interface Span {
  readonly ids: SpanIds;
  /** The W3C trace context of what follows from this step. */
  readonly traceparent: string;
  /** Begins the step in which the broker stores the message. */
  store(): Span;
  /** @param error why it failed; only its code is exported. */
  end(error?: unknown): void;
}

/** Begins spans, if a W3C trace context is valid and its caller has decided to record the trace. */
export interface Tracer {
  publish(channel: string, traceparent: string): Span | undefined;
  /** @param subscribers how many subscriptions of this pod the message is delivered to. */
  deliver(channel: string, traceparent: string, subscribers: number): Span | undefined;
  /** Exports what is not exported yet. Never rejects. */
  close(): Promise<void>;
}

/** The traces of this pod. Without a tracer there are none, and nothing of it costs anything. */
@Injectable()
export class Tracing implements OnApplicationShutdown {
  constructor(readonly tracer?: Tracer) {}

  async onApplicationShutdown(): Promise<void> {
    await this.tracer?.close();
  }
}

/** Ends a span with what it is about. */
export async function inSpan<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}
