import { describe, expect, it } from 'vitest';
import { readChartValues } from './chart-values.ts';
import { valuesSchema } from './values-schema.ts';
import { valuesTable } from './values-table.ts';

const YAML = `\
# Not part of the output.

## Names

# What it is
# called.
# @schema {pattern: '^a'}
name: ''

## Pods

pods:
  # How many.
  # @schema {minimum: 0}
  count: 3
  # Anything | everything.
  extra: {}
# By default none.
# @schema {type: [integer, 'null']}
limit: null
# As Kubernetes has them.
# @schema {additionalProperties: true}
resources:
  limits: { cpu: 1 }
`;

describe('values.yaml', () => {
  const values = readChartValues(YAML);

  it('becomes a closed schema', () => {
    expect(valuesSchema(values, { $schema: 'draft-07', type: 'object' })).toEqual({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: {
        name: { type: 'string', description: 'What it is called.', pattern: '^a' },
        pods: {
          type: 'object',
          properties: {
            count: { type: 'integer', description: 'How many.', minimum: 0 },
            extra: { type: 'object', description: 'Anything | everything.' },
          },
          required: ['count'],
          additionalProperties: false,
        },
        limit: { type: ['integer', 'null'], description: 'By default none.' },
        resources: { type: 'object', description: 'As Kubernetes has them.', additionalProperties: true },
        enabled: { type: 'boolean', description: expect.any(String) },
      },
      required: ['pods'],
      additionalProperties: false,
      definitions: {
        gatewayConfig: { type: 'object' },
        text: { type: ['string', 'integer', 'boolean', 'null'], description: expect.any(String) },
      },
    });
  });

  it('becomes tables for the README', () => {
    expect(valuesTable(values)).toBe(`\
### Names

| Value | Default | Meaning |
| --- | --- | --- |
| \`name\` | \`""\` | What it is called. |

### Pods

| Value | Default | Meaning |
| --- | --- | --- |
| \`pods.count\` | \`3\` | How many. |
| \`pods.extra\` | \`{}\` | Anything \\| everything. |
| \`limit\` | \`null\` | By default none. |
| \`resources\` | \`{"limits":{"cpu":1}}\` | As Kubernetes has them. |
`);
  });

  it.each([
    ['has no comment', 'a: 1', 'values.yaml: a has no comment'],
    ['has no type', '# Why.\na: null', 'values.yaml: a needs a type in @schema'],
    ['has invalid hints', '# @schema minimum 0\na: 1', 'values.yaml: a: @schema is not a mapping'],
    ['is not a mapping', '- a', 'values.yaml: expected a YAML mapping'],
  ])('is refused if a value %s', (_, text, message) => {
    expect(() => valuesSchema(readChartValues(text), {})).toThrow(message);
  });
});
