import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

const { projects: _, ...test } = config.test ?? {};

/**
 * What takes too long for each run of `npm test`: `npm run autobahn`, which needs the test suite of that name, and
 * `npm run scale` and `npm run soak`, which need a machine to themselves.
 */
export default defineConfig({
  ...config,
  test: { ...test, include: ['apps/gateway/test/{autobahn,scale,soak}/*.spec.ts'] },
});
