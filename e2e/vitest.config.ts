import { defineConfig } from 'vitest/config';

// Suites against a cluster. Most of them wait for pods and run concurrently; those that measure run alone.
const MEASURING = [
  'suites/capacity.spec.ts',
  'suites/faults.spec.ts',
  'suites/drill.spec.ts',
  'suites/keda.spec.ts',
  'suites/sentinel.spec.ts',
  'suites/from-plain-manifests.spec.ts',
];

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    globalSetup: ['./report/global-setup.ts', './support/global-setup.ts'],
    reporters: ['default', '../.ci/summary-reporter.ts'],
    // Machines in continuous integration stall from time to time. The summary names tests that only passed on a retry.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 300_000,
    hookTimeout: 240_000,
    projects: [
      { extends: true, test: { name: 'suites', include: ['suites/*.spec.ts'], exclude: MEASURING, maxWorkers: 3 } },
      {
        extends: true,
        test: { name: 'measuring', include: MEASURING, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'brokers',
          include: ['suites/brokers/*.spec.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
