import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** `npm run autobahn`, which needs the test suite of that name and takes too long for each run of `npm test`. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ['apps/gateway/test/autobahn/*.spec.ts'], exclude: [] },
});
