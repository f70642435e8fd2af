import { z } from 'zod';

/** Patterns of channels in a token's claims and in the webhook's answers. */
export const patternsSchema = z.array(z.string().min(1).max(255)).max(1000);
