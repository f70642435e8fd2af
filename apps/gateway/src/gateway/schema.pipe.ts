import { describeIssue } from '@holdfast/protocol';
import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { ProtocolError } from './protocol-error.js';

/** Lets only what the schema allows through to its handler. */
export class SchemaPipe implements PipeTransform {
  constructor(private readonly schema: z.ZodType) {}

  /** @throws ProtocolError `invalid` or `invalid_channel` */
  transform(value: unknown): unknown {
    const result = this.schema.safeParse(value);
    if (result.success) return result.data;
    const { code, detail } = describeIssue(result.error);
    throw new ProtocolError(code, detail);
  }
}
