const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;

/**
 * Whether traces are exported: OpenTelemetry's own variables decide, so that what is common to all services of a cluster
 * works here as well. The other ones are read by OpenTelemetry itself, which silently ignores what it does not
 * understand.
 */
export function readTracing(env: NodeJS.ProcessEnv): { tracing: boolean; problems: string[] } {
  const problems: string[] = [];
  const endpoint = ENDPOINTS.find((name) => (env[name] ?? '') !== '');
  if (endpoint === undefined || env['OTEL_SDK_DISABLED'] === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') {
    return { tracing: false, problems };
  }
  const { protocol } = URL.parse(env[endpoint] ?? '') ?? {};
  if (protocol !== 'http:' && protocol !== 'https:') problems.push(`${endpoint}: expected an http: or https: URL`);
  const transport = PROTOCOLS.find((name) => (env[name] ?? '') !== '');
  if (transport !== undefined && env[transport] !== 'http/protobuf') {
    problems.push(`${transport}: expected http/protobuf, on the port of OTLP over HTTP (4318)`);
  }
  return { tracing: problems.length === 0, problems };
}
