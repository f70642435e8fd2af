import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

const { projects: _, ...test } = config.test ?? {};

/**
 * Suites that are too long for `npm test`: `npm run autobahn`, which needs the test suite of that name, and
 * `npm run scale` and `npm run soak`, which need a dedicated machine, and `npm run nodes`, which installs versions of Node.
 * `npm run alerts` causes the faults of all alerts, and draws the dashboards. `npm run picture` draws the pictures of pages in the
 * documentation.
 */
export default defineConfig({
  ...config,
  test: {
    ...test,
    include: [
      'apps/gateway/test/alerts/{alerts,dashboards}.spec.ts',
      'apps/gateway/test/{autobahn,scale,soak}/*.spec.ts',
      'apps/{chat,operations}/test/picture/*.spec.ts',
      'libs/client/test/nodes/*.spec.ts',
    ],
  },
});
