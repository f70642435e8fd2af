import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { checked } from '../errors/checked.js';

/** Validates a value before its handler sees it. */
export class SchemaPipe implements PipeTransform {
  constructor(private readonly schema: z.ZodType) {}

  /** @throws ProtocolError `invalid` or `invalid_channel` */
  transform(value: unknown): unknown {
    return checked(this.schema, value);
  }
}
