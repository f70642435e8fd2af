import { vi } from 'vitest';

// Vitest gives up after 1 s, and has no setting for it. Most conditions hold within milliseconds, but a machine of continuous
// integration may stall for seconds, and what takes longer than it should is not what these tests are about.
const { waitFor } = vi;
vi.waitFor = (condition, options) =>
  waitFor(condition, typeof options === 'number' ? options : { timeout: 15_000, ...options });
