import { z } from 'zod';

const MAX_PATTERNS = 1_000;
const MAX_PATTERN = 255;

/** Patterns of channels in a token's claims and in the webhook's answers. */
export const patternsSchema = z.array(z.string().min(1).max(MAX_PATTERN)).max(MAX_PATTERNS);

/** Whether {@link patternsSchema} accepts it. */
export function isPatterns(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_PATTERNS && value.every(isPattern);
}

function isPattern(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_PATTERN;
}
