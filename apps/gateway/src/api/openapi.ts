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

/** An API to describe. */
export interface DescribedApi {
  readonly title: string;
  readonly description: string;
  readonly operations: readonly Operation[];
  /** How callers prove that they may call. */
  readonly securitySchemes: Readonly<Record<string, JsonSchema>>;
  /** The errors of every operation that needs a key. */
  readonly guardErrors: readonly ErrorCode[];
}

/** The HTTP API. */
export const HTTP_API: DescribedApi = {
  title: 'Holdfast HTTP API',
  description: 'For backends: publish to channels, look into them, and manage the connections of users.',
  operations,
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
    apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  },
  guardErrors: ['unauthorized', 'rate_limited'],
};

/** An API as an OpenAPI 3.1 document, made of the very schemas that check the requests. */
export function openApiDocument(api: DescribedApi): object {
  return {
    openapi: '3.1.1',
    info: {
      title: api.title,
      description: api.description,
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: Object.keys(api.securitySchemes).map((name) => ({ [name]: [] })),
    paths: pathsOf(api),
    components: { securitySchemes: api.securitySchemes, schemas: { Error: schemaOf(errorAnswer) } },
  };
}

function pathsOf({ operations: all, guardErrors }: DescribedApi): object {
  const byPath = Map.groupBy(all, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, ofPath]) => [
      path,
      Object.fromEntries(ofPath.map((operation) => [operation.method, describe(operation, guardErrors)])),
    ]),
  );
}

function describe(operation: Operation, guardErrors: readonly ErrorCode[]): object {
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
      ...errorsOf(operation, guardErrors),
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
function errorsOf(operation: Operation, guardErrors: readonly ErrorCode[]): object {
  const byStatus = Map.groupBy(codesOf(operation, guardErrors), (code) => ERRORS[code].status);
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

function codesOf(
  { public: isPublic, params, query, body, errors }: Operation,
  guardErrors: readonly ErrorCode[],
): ErrorCode[] {
  return [
    ...(isPublic ? [] : guardErrors),
    ...(params || query || body ? (['invalid'] as const) : []),
    ...(body ? (['malformed', 'too_large', 'unsupported_media_type'] as const) : []),
    ...errors,
    'internal',
  ];
}
