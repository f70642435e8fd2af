import { defineConfig } from 'vitest/config';

// Suites against a cluster. One at a time: they share its nodes, its ingress controller, and the load's CPU.
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['suites/**/*.spec.ts'],
    globalSetup: './report/global-setup.ts',
    fileParallelism: false,
    reporters: ['default', '../.ci/summary-reporter.ts'],
    testTimeout: 300_000,
    hookTimeout: 240_000,
  },
});
