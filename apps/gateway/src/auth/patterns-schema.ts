import { z } from 'zod';

/** Patterns of channels, as a token's claims and the webhook's answers list them. */
export const patternsSchema = z.array(z.string().min(1).max(255)).max(1000);
