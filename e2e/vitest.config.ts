import { defineConfig } from 'vitest/config';

// Suites against the cluster of the current KUBECONFIG: `npx vitest run --config e2e/vitest.config.ts`. One after the other, since each
// measures.
export default defineConfig({
  test: {
    dir: 'e2e',
    include: ['**/*.spec.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
