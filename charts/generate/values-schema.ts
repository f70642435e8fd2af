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
      enabled: { type: 'boolean', description: 'For the condition of a parent chart.' },
    },
    required: requiredOf(values),
    additionalProperties: false,
    definitions: {
      gatewayConfig: definition,
      text: {
        description: 'A string. YAML reads some without quotes as another type: these become strings again.',
        type: ['string', 'integer', 'boolean', 'null'],
      },
    },
  };
}

/**
 * Helm removes a value that is set to null. The templates only work without those that are empty or open, so that the others are reported
 * as missing, instead of ending in a nil pointer.
 */
function requiredOf(values: readonly ChartValue[]): string[] {
  return values.filter((value) => !isOptional(value)).map(({ name }) => name);
}

/** Whether the chart works without the value, and its default is the same as none. */
export function isOptional(value: ChartValue): boolean {
  const { default: fallback, hints, members } = value;
  return (
    fallback === null ||
    (fallback === '' && !('enum' in hints)) ||
    Array.isArray(fallback) ||
    (typeof fallback === 'object' && (members.length === 0 || isOpen(value)))
  );
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
    ...(isOpen(value)
      ? {}
      : { properties: membersOf(members, path), required: requiredOf(members), additionalProperties: false }),
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
