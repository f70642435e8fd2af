import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXAMPLE } from './config-docs.js';
import { ConfigError } from './config-error.js';
import { configFileSchema } from './file-schema.js';
import { loadConfig } from './load-config.js';

const schema = configFileSchema();
const validate = new Ajv({ strict: true }).compile(schema);

function loads(yaml: string): boolean {
  try {
    loadConfig({ HOLDFAST_CONFIG: '/config.yaml' }, () => yaml);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

describe("the file's JSON Schema", () => {
  it.each([EXAMPLE, '{}', 'port: 0', 'drain: { settle: 0.5 }', "namespaces: { '@': {}, a/b: { presence: true } }"])(
    'accepts what the gateway accepts: %s',
    (yaml) => {
      expect(loads(yaml)).toBe(true);
      expect(validate(parse(yaml)), JSON.stringify(validate.errors)).toBe(true);
    },
  );

  it.each([
    EXAMPLE.replace('allowedOrigins', 'allowedOrigin'),
    EXAMPLE.replace('presence', 'presense'),
    EXAMPLE.replace('settle: 7', 'settle: 7s'),
    EXAMPLE.replace('subscribers', 'subscriber'),
    EXAMPLE.replace('https://chat.example.com', 'chat.example.com'),
    'port: "8000"',
    'drain:',
    'broker: "memory:"',
    'apiKeys: [a-key-of-more-than-16-letters]',
    'auth: { jwt: { secrets: [a-secret-of-at-least-thirty-two-bytes] } }',
    "namespaces: { 'a:b': {} }",
  ])('refuses what the gateway refuses: %s', (yaml) => {
    expect(loads(yaml)).toBe(false);
    expect(validate(parse(yaml))).toBe(false);
  });

  it('is draft-07, with patterns that RE2 supports, for Helm', () => {
    expect(schema).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' });
    expect(JSON.stringify(schema)).not.toMatch(/\(\?[=!<]/);
  });

  it('does not depend on the machine that generates it', () => {
    expect(schema).not.toHaveProperty('properties.node.default');
  });
});
