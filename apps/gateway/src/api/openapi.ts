import { channelSchema, dataSchema, ERRORS, errorData, MAX_CHANNEL_LENGTH, type ErrorCode } from '@holdfast/protocol';
import { z } from 'zod';
import { errorAnswer } from './answers.js';
import { operations, type Operation } from './operations.js';
import { publishBody, uncheckedPublication } from './requests.js';

type JsonSchema = Record<string, unknown>;

/** What checks that a schema makes by a function mean as JSON Schema. */
const OVERRIDES = new Map<unknown, () => JsonSchema>([
  [dataSchema, () => ({ description: 'Any JSON value.' })],
  [
    channelSchema,
    () => ({
      description: ERRORS.invalid_channel.message,
      minLength: 1,
      maxLength: MAX_CHANNEL_LENGTH,
      pattern: '^@?[A-Za-z0-9_\\-.:/%#]+$',
    }),
  ],
  [uncheckedPublication, () => schemaOf(publishBody)],
]);

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'input'): JsonSchema {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => void Object.assign(jsonSchema, OVERRIDES.get(zodSchema)?.()),
  });
  return json;
}

/** The HTTP API as an OpenAPI 3.1 document, made of the very schemas that check the requests. */
export function openApiDocument(): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Holdfast HTTP API',
      description: 'For backends: publish to channels, look into them, and manage the connections of users.',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    paths: pathsOf(operations),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
      schemas: { Error: schemaOf(errorAnswer) },
    },
  };
}

function pathsOf(all: readonly Operation[]): object {
  const byPath = Map.groupBy(all, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, ofPath]) => [
      path,
      Object.fromEntries(ofPath.map((operation) => [operation.method, describe(operation)])),
    ]),
  );
}

function describe(operation: Operation): object {
  const { id, summary, description, params, query, body, answer } = operation;
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(operation.public ? { security: [] } : {}),
    ...(params === undefined && query === undefined
      ? {}
      : { parameters: [...parametersOf('path', params), ...parametersOf('query', query)] }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: body.optional !== true, content: jsonOf(schemaOf(body.schema), body.example) } }),
    responses: {
      200: {
        description: 'Done',
        content: answer === undefined ? jsonOf({ type: 'object' }) : jsonOf(schemaOf(answer.schema), answer.example),
      },
      ...errorsOf(operation),
    },
  };
}

function parametersOf(place: 'path' | 'query', schema: z.ZodType | undefined): object[] {
  if (schema === undefined) return [];
  // What the text of a parameter is read as, which is how OpenAPI describes it.
  const { properties = {}, required = [] } = schemaOf(schema, 'output') as {
    properties?: JsonSchema;
    required?: string[];
  };
  return Object.entries(properties).map(([name, ofName]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: ofName,
  }));
}

function jsonOf(schema: JsonSchema, example?: unknown): object {
  return { 'application/json': { schema, ...(example === undefined ? {} : { example }) } };
}

/** One answer for each status, with the codes that it may carry. */
function errorsOf(operation: Operation): object {
  const byStatus = Map.groupBy(codesOf(operation), (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join('; '),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/Error', properties: { code: { enum: codes } } },
            examples: Object.fromEntries(codes.map((code) => [code, { value: errorData(code) }])),
          },
        },
      },
    ]),
  );
}

function codesOf({ public: isPublic, params, query, body, errors }: Operation): ErrorCode[] {
  return [
    ...(isPublic ? [] : (['unauthorized', 'rate_limited'] as const)),
    ...(params || query || body ? (['invalid'] as const) : []),
    ...(body ? (['malformed', 'too_large', 'unsupported_media_type'] as const) : []),
    ...errors,
    'internal',
  ];
}
