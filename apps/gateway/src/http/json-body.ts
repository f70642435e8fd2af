import { Body } from '@nestjs/common';
import type { z } from 'zod';
import { JsonBodyPipe } from './json-body.pipe.js';
import { SchemaPipe } from './schema.pipe.js';

/** The body of the request, parsed as JSON and validated. */
export function JsonBody(schema: z.ZodType): ParameterDecorator {
  return Body(JsonBodyPipe, new SchemaPipe(schema));
}
