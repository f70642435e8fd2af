import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import type { Span as OpenTelemetrySpan, Tracer as OpenTelemetryTracer } from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, TracerProvider, BatchSpanProcessor, ParentBasedSampler } from '@opentelemetry/sdk-trace';
import { namespaceOf } from '@holdfast/protocol';
import type { EventLog } from '../logging/event-log.js';
import type { Span, SpanIds, Tracer } from './tracing.js';

/** How long the last export may take when the process ends, in ms. */
const CLOSED_WITHIN_MS = 3_000;

/** Exports spans by OTLP over HTTP. Its standard variables configure where to. */
export class OpenTelemetry implements Tracer {
  private readonly provider: TracerProvider;
  private readonly tracer: OpenTelemetryTracer;

  constructor(node: string, log: EventLog) {
    // Not the diagnostics of OpenTelemetry: they may quote a header with credentials.
    setGlobalErrorHandler((error) => log.write('traces.failed', { reason: messageOf(error) }));
    this.provider = new TracerProvider({
      resource: defaultResource()
        .merge(resourceFromAttributes({ 'service.name': 'holdfast', 'service.instance.id': node }))
        .merge(detectResources({ detectors: [envDetector] })),
      sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
    });
    this.tracer = this.provider.getTracer('holdfast');
  }

  publish(channel: string, traceparent: string): Span | undefined {
    const parent = contextOf(traceparent);
    if (parent === undefined) return undefined;
    return this.begin('publish', SpanKind.PRODUCER, channel, parent, { 'messaging.operation.type': 'send' });
  }

  deliver(channel: string, traceparent: string, subscribers: number): Span | undefined {
    const parent = contextOf(traceparent);
    if (parent === undefined) return undefined;
    return this.begin('deliver', SpanKind.CONSUMER, channel, parent, {
      'messaging.operation.type': 'process',
      'holdfast.subscribers': subscribers,
    });
  }

  async close(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSED_WITHIN_MS);
    // What cannot be exported was logged.
    await Promise.race([this.provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  /** A span in the words of the semantic conventions for messaging: its name has few values, so not the channel's. */
  private begin(operation: string, kind: SpanKind, channel: string, parent: Context, attributes: Attributes): Span {
    const span = this.tracer.startSpan(
      `${operation} ${namespaceOf(channel)}`.trimEnd(),
      {
        kind,
        attributes: {
          'messaging.system': 'holdfast',
          'messaging.operation.name': operation,
          'messaging.destination.name': channel,
          ...attributes,
        },
      },
      parent,
    );
    return new ExportedSpan(span, (child) =>
      this.begin(child, SpanKind.CLIENT, channel, trace.setSpan(parent, span), {}),
    );
  }
}

class ExportedSpan implements Span {
  readonly ids: SpanIds;

  constructor(
    private readonly span: OpenTelemetrySpan,
    private readonly child: (operation: string) => Span,
  ) {
    const { traceId, spanId } = span.spanContext();
    this.ids = { trace_id: traceId, span_id: spanId };
  }

  get traceparent(): string {
    return `00-${this.ids.trace_id}-${this.ids.span_id}-01`;
  }

  store(): Span {
    return this.child('store');
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      this.span.setStatus({ code: SpanStatusCode.ERROR });
      this.span.setAttribute('error.type', codeOf(error));
    }
    this.span.end();
  }
}

/** Undefined if it is malformed, or the caller does not record the trace. */
function contextOf(traceparent: string): Context | undefined {
  const parent = parseTraceParent(traceparent);
  if (parent === null || (parent.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : 'unknown';
}
