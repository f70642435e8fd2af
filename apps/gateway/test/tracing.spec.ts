import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { API_KEY, startGateway, testConfig, type TestGateway } from './support/gateway.js';
import { startOtlpCollector, type CollectedSpan, type OtlpCollector } from './support/otlp-collector.js';
import { Metrics } from '../src/metrics/metrics.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE_ID}-${CALLER}-01`;
const NOT_SAMPLED = `00-${TRACE_ID}-${CALLER}-00`;
const CHANNEL = 'chat:lobby';

/** Makes gateways that start from now on export to a collector. */
function exportTo({ url }: Pick<OtlpCollector, 'url'>): NodeJS.ProcessEnv {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer%20of-the-collector');
  onTestFinished(() => void vi.unstubAllEnvs());
  return { OTEL_EXPORTER_OTLP_ENDPOINT: url };
}

async function call(gateway: TestGateway, path: string, body: object, traceparent?: string): Promise<void> {
  const response = await fetch(`${gateway.url}/api/${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${API_KEY}`,
      ...(traceparent === undefined ? {} : { traceparent }),
    },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

function named({ spans }: OtlpCollector, name: string): CollectedSpan[] {
  return spans.filter((span) => span.name === name);
}

describe('the trace of a publish', () => {
  it('leads from the caller of the API through the broker to the pods that write it, with unchanged messages', async () => {
    const collector = await startOtlpCollector();
    const env = exportTo(collector);
    const [here, there] = (await startGatewaysOnOneBroker([
      { ...env, HOLDFAST_NODE: 'here' },
      { ...env, HOLDFAST_NODE: 'there' },
    ])) as [TestGateway, TestGateway];
    const [ann, bob] = [await here.connect(), await there.connect()];
    for (const client of [ann, bob]) await client.subscribe(CHANNEL);
    await call(here, 'publish', { channel: CHANNEL, data: 'traced', key: 'k' }, SAMPLED);
    await call(here, 'publish', { channel: CHANNEL, data: 'not traced', key: 'l' });
    for (const client of [ann, bob]) {
      const messages = await client.messages(CHANNEL, 2);
      expect(messages.map((message) => Object.keys(message as object))).toEqual(
        Array(2).fill(Object.keys(messages[1] as object)),
      );
    }
    // A replay and a page of the history show the same.
    const late = await there.connect();
    await late.request('subscribe', { channel: CHANNEL, last: 2 });
    expect(await late.messages(CHANNEL, 2)).toEqual(await bob.messages(CHANNEL, 2));
    expect(JSON.stringify(await late.request('history', { channel: CHANNEL }))).not.toContain('traceparent');
    await Promise.all([here.close(), there.close()]);

    const [publish] = named(collector, 'publish chat');
    const [store] = named(collector, 'store chat');
    const deliveries = named(collector, 'deliver chat');
    expect(collector.spans).toHaveLength(4);
    expect(publish).toMatchObject({ traceId: TRACE_ID, parentSpanId: CALLER, kind: 4, status: 0 });
    expect(publish?.attributes).toMatchObject({
      'messaging.system': 'holdfast',
      'messaging.destination.name': CHANNEL,
    });
    expect(store).toMatchObject({ traceId: TRACE_ID, parentSpanId: publish?.spanId, kind: 3 });
    expect(new Set(deliveries.map(({ resource }) => resource['service.instance.id']))).toEqual(
      new Set(['here', 'there']),
    );
    for (const delivery of deliveries) {
      expect(delivery).toMatchObject({ traceId: TRACE_ID, parentSpanId: publish?.spanId, kind: 5 });
      expect(delivery.attributes['holdfast.subscribers']).toBe(1);
      expect(delivery.resource['service.name']).toBe('holdfast');
      expect(delivery.end).toBeGreaterThanOrEqual(delivery.start);
    }
    for (const { path, headers } of collector.requests) {
      expect(path).toBe('/v1/traces');
      expect(headers.authorization).toBe('Bearer of-the-collector');
    }
  });

  it('begins with the frame of a client, if that has a context', async () => {
    const collector = await startOtlpCollector();
    const gateway = await startGateway({}, exportTo(collector));
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    const data = { channel: CHANNEL, data: 1 };
    client.webSocket.send(JSON.stringify({ event: 'publish', data, traceparent: SAMPLED }));
    await client.messages(CHANNEL, 1);
    await gateway.close();
    expect(collector.spans.map(({ name }) => name).toSorted()).toEqual(['deliver chat', 'publish chat', 'store chat']);
    for (const span of collector.spans) expect(span.traceId).toBe(TRACE_ID);
  });

  it('has a publish of each message of a batch, and says which failed', async () => {
    const collector = await startOtlpCollector();
    const gateway = await startGateway({}, exportTo(collector));
    const publications = [1, 2].map((data) => ({ channel: 'batch', data, key: 'same' }));
    await call(gateway, 'batch', { publications }, SAMPLED);
    await call(gateway, 'broadcast', { channels: ['one', 'two'], data: 1 }, SAMPLED);
    await call(gateway, 'users/ann/publish', { data: 1 }, SAMPLED);
    await gateway.close();
    const publishes = collector.spans.filter(({ kind }) => kind === 4);
    expect(publishes).toHaveLength(5);
    const failed = publishes.filter(({ status }) => status === 2);
    expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual(['key_conflict']);
  });

  it.each([
    ['no context', undefined],
    ['a caller that does not record the trace', NOT_SAMPLED],
    ['a malformed context', 'nonsense'],
    ['an invalid context', `00-${'0'.repeat(32)}-${CALLER}-01`],
  ])('does not exist with %s', async (_name, traceparent) => {
    const collector = await startOtlpCollector();
    const gateway = await startGateway({}, exportTo(collector));
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    await call(gateway, 'publish', { channel: CHANNEL, data: 1 }, traceparent);
    client.webSocket.send(JSON.stringify({ event: 'publish', data: { channel: CHANNEL, data: 2 }, traceparent }));
    await client.messages(CHANNEL, 2);
    await gateway.close();
    expect(collector.requests).toEqual([]);
  });

  it('is not needed by a pod that exports none: it removes the context that other pods have stored', async () => {
    const collector = await startOtlpCollector();
    const env = exportTo(collector);
    const [traced, plain] = (await startGatewaysOnOneBroker([env, {}])) as [TestGateway, TestGateway];
    const client = await plain.connect();
    await client.subscribe(CHANNEL);
    await call(traced, 'publish', { channel: CHANNEL, data: 1 }, SAMPLED);
    const [message] = await client.messages(CHANNEL, 1);
    expect(message).not.toHaveProperty('traceparent');
    await Promise.all([traced.close(), plain.close()]);
    expect(collector.spans.map(({ name }) => name).toSorted()).toEqual(['publish chat', 'store chat']);
  });

  it('costs no more than itself if the collector fails: publishes succeed, and the gateway stops in time', async () => {
    const collector = await startOtlpCollector(400);
    const gateway = await startGateway({}, exportTo(collector));
    await call(gateway, 'publish', { channel: CHANNEL, data: 1 }, SAMPLED);
    await gateway.close();
    expect(collector.requests).toHaveLength(1);
  });
});

describe('the configuration of traces', () => {
  it.each([
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
  ])('%o turns them on: %s', (env, expected) => {
    expect(testConfig({}, env).tracing).toBe(expected);
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: expected an http: or https: URL'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf',
    ],
  ])('%o is refused', (env, problem) => {
    expect(() => testConfig({}, env)).toThrow(problem);
  });
});

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

async function scrape(gateway: TestGateway, accept: string): Promise<{ type: string | null; text: string }> {
  const response = await fetch(`${gateway.managementUrl}/metrics`, { headers: { Accept: accept } });
  return { type: response.headers.get('content-type'), text: await response.text() };
}

describe('exemplars', () => {
  it('lead from the latencies to the latest trace, in the format that has them', async () => {
    const gateway = await startGateway({}, exportTo(await startOtlpCollector()));
    const client = await gateway.connect();
    await client.subscribe(CHANNEL);
    await call(gateway, 'publish', { channel: CHANNEL, data: 1 });
    await client.messages(CHANNEL, 1);
    expect((await scrape(gateway, OPENMETRICS)).text).not.toContain(' # {');
    await call(gateway, 'publish', { channel: CHANNEL, data: 2 }, SAMPLED);
    await client.messages(CHANNEL, 2);
    // A scrape is shared for a moment.
    const exemplar = new RegExp(
      `^holdfast_(publish|delivery)_seconds_bucket\\{le="[^"]+"\\} \\d+ # \\{trace_id="${TRACE_ID}",span_id="[0-9a-f]{16}"\\} \\S+ \\S+$`,
      'gm',
    );
    const openMetrics = await vi.waitFor(async () => {
      const scraped = await scrape(gateway, OPENMETRICS);
      expect([...scraped.text.matchAll(exemplar)].map(([, name]) => name).toSorted()).toEqual(['delivery', 'publish']);
      return scraped;
    });
    expect(openMetrics.type).toBe(OPENMETRICS);
    expect(openMetrics.text).toMatch(/# EOF\n$/);
    expect(openMetrics.text).toMatch(/^# TYPE holdfast_published counter$/m);
    const names = [...openMetrics.text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    const text = await scrape(gateway, 'text/plain');
    expect(text.text).toMatch(/^# TYPE holdfast_published_total counter$/m);
    expect(text.text).toMatch(/^holdfast_published_total 2$/m);
    expect(text.text).not.toContain(TRACE_ID);
  });

  it('do not exist without traces, and neither does their format', async () => {
    const gateway = await startGateway();
    await call(gateway, 'publish', { channel: CHANNEL, data: 1 }, SAMPLED);
    const { type, text } = await scrape(gateway, OPENMETRICS);
    expect(type).toMatch(/^text\/plain/);
    expect(text).not.toContain(TRACE_ID);
  });

  it('do not change the names or values of the metrics', async () => {
    const metrics = new Metrics(true);
    metrics.totals.published = 3;
    metrics.closes.inc({ code: '1000' });
    const before = (await metrics.registry.metrics()).match(/^holdfast_.*$/gm);
    const openMetrics = await metrics.openMetrics();
    expect((await metrics.registry.metrics()).match(/^holdfast_.*$/gm)).toEqual(before);
    expect(openMetrics.match(/^holdfast_.*$/gm)).toEqual(before);
  });
});
