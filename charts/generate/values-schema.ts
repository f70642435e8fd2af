import type { ChartValue } from './chart-values.ts';

/**
 * The chart's values.schema.json, in draft-07 for Helm 3 before 3.18. Only values in values.yaml may be set, so that
 * misspelt names are refused.
 *
 * @param gatewayConfig the JSON Schema of the gateway's configuration file.
 */
export function valuesSchema(values: readonly ChartValue[], gatewayConfig: object): object {
  const definition: Record<string, unknown> = { ...gatewayConfig };
  delete definition['$schema'];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      ...membersOf(values),
      global: { type: 'object', description: 'Helm passes the global values of a parent chart to every subchart.' },
      enabled: { type: 'boolean', description: 'For the condition of a parent chart.' },
    },
    additionalProperties: false,
    definitions: { gatewayConfig: definition },
  };
}

function membersOf(values: readonly ChartValue[], path: readonly string[] = []): object {
  return Object.fromEntries(values.map((value) => [value.name, schemaOf(value, [...path, value.name])]));
}

function schemaOf(value: ChartValue, path: readonly string[]): object {
  const { description, hints, members } = value;
  if (description === '' && members.length === 0) {
    throw new Error(`values.yaml: ${path.join('.')} has no comment`);
  }
  return {
    ...typeOf(value, path),
    ...(description === '' ? {} : { description }),
    ...(isOpen(value) ? {} : { properties: membersOf(members, path), additionalProperties: false }),
    ...hints,
  };
}

/** Whether it is a plain value, or a mapping with any members, such as one defined by Kubernetes. */
export function isOpen({ hints, members }: ChartValue): boolean {
  return members.length === 0 || hints['additionalProperties'] !== undefined;
}

function typeOf(value: ChartValue, path: readonly string[]): object {
  const fallback = value.default;
  if (fallback === null) {
    if (value.hints['type'] === undefined) throw new Error(`values.yaml: ${path.join('.')} needs a type in @schema`);
    return {};
  }
  if (Array.isArray(fallback)) return { type: 'array' };
  if (typeof fallback === 'number') return { type: Number.isInteger(fallback) ? 'integer' : 'number' };
  return { type: typeof fallback };
}
