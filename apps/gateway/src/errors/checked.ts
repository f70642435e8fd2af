import { describeIssue } from '@holdfast/protocol';
import type { z } from 'zod';
import { ProtocolError } from './protocol-error.js';

/**
 * Validates a value.
 *
 * @returns what the schema makes of it.
 * @throws ProtocolError `invalid` or `invalid_channel`
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { code, detail } = describeIssue(result.error);
  throw new ProtocolError(code, detail);
}
