import { defineConfig } from 'vitest/config';

// Suites against a cluster. Most of them wait for pods; those that measure run alone.
const MEASURING = ['suites/faults.spec.ts', 'suites/sentinel.spec.ts'];

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    globalSetup: './report/global-setup.ts',
    reporters: ['default', '../.ci/summary-reporter.ts'],
    // Machines of continuous integration stall now and then. The summary names what passed only the second time.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 300_000,
    hookTimeout: 240_000,
    projects: [
      { extends: true, test: { name: 'suites', include: ['suites/*.spec.ts'], exclude: MEASURING, maxWorkers: 3 } },
      {
        extends: true,
        test: { name: 'measuring', include: MEASURING, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
