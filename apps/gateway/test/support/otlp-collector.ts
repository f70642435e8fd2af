import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A span as a collector receives it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty without a parent. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** In ns since the Unix epoch. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly resource: Readonly<Record<string, string | number>>;
  /** 2 if it failed. */
  readonly status: number;
}

/** A server that takes traces by OTLP over HTTP with Protocol Buffers, as an OpenTelemetry collector does. */
export interface OtlpCollector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  readonly requests: { path: string | undefined; headers: IncomingHttpHeaders }[];
}

export async function startOtlpCollector(status = 200): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const requests: OtlpCollector['requests'] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url, headers: request.headers });
    const take = async (): Promise<void> => {
      spans.push(...decodeTraces(await buffer(request)));
      response.writeHead(status, { 'Content-Type': 'application/x-protobuf' }).end();
    };
    take().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, requests };
}

type Field = Buffer | bigint;

/** The fields of a message of Protocol Buffers, by number. */
function fieldsOf(message: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => message.subarray(at, (at += length));
  while (at < message.length) {
    const tag = Number(varint());
    const value = { 0: varint, 1: () => take(8).readBigUInt64LE(), 2: () => take(Number(varint())), 5: () => take(4) }[
      tag & 7
    ];
    if (value === undefined) throw new Error(`unknown wire type ${tag & 7}`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value()]);
  }
  return fields;
}

function messagesOf(message: Map<number, Field[]>, number: number): Map<number, Field[]>[] {
  return (message.get(number) ?? []).map((field) => fieldsOf(field as Buffer));
}

/** An ExportTraceServiceRequest of opentelemetry/proto/collector/trace/v1. */
function decodeTraces(request: Buffer): CollectedSpan[] {
  return messagesOf(fieldsOf(request), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messagesOf(resourceSpans, 1)[0] ?? new Map(), 1);
    const scopes = messagesOf(resourceSpans, 2);
    return scopes.flatMap((scope) => messagesOf(scope, 2)).map((span) => spanOf(span, resource));
  });
}

function spanOf(span: Map<number, Field[]>, resource: CollectedSpan['resource']): CollectedSpan {
  const bytes = (number: number): Buffer => (span.get(number)?.[0] ?? Buffer.alloc(0)) as Buffer;
  const number = (field: number): bigint => (span.get(field)?.[0] ?? 0n) as bigint;
  return {
    traceId: bytes(1).toString('hex'),
    spanId: bytes(2).toString('hex'),
    parentSpanId: bytes(4).toString('hex'),
    name: bytes(5).toString(),
    kind: Number(number(6)),
    start: number(7),
    end: number(8),
    attributes: attributesOf(span, 9),
    resource,
    status: Number(messagesOf(span, 15)[0]?.get(3)?.[0] ?? 0),
  };
}

function attributesOf(message: Map<number, Field[]>, number: number): Record<string, string | number> {
  const pairs = messagesOf(message, number).map((pair) => {
    const value = messagesOf(pair, 2)[0];
    const text = value?.get(1)?.[0] as Buffer | undefined;
    return [String(pair.get(1)?.[0]), text?.toString() ?? Number(value?.get(3)?.[0])] as const;
  });
  return Object.fromEntries(pairs);
}
