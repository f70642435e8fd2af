import { defineConfig } from 'vitest/config';

/** They wait for servers most of the time: for leases, failovers, and servers that hang. */
const REDIS = ['libs/broadcast/test/redis/**/*.spec.ts', 'apps/gateway/test/redis/**/*.spec.ts'];

// Tests resolve the workspace's packages to their sources, so that a unit test needs no build.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // What tsc does with the decorators of Nest; spec files are in no tsconfig that Vite would find by itself.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    reporters: ['default', './.ci/summary-reporter.ts'],
    // Machines of continuous integration stand still for a moment now and then; what fails twice is broken.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'code',
          include: [
            '{apps,libs}/*/src/**/*.spec.ts',
            '{apps,libs}/*/test/**/*.spec.ts',
            'charts/generate/*.spec.ts',
            'apps/gateway/dev/*.spec.ts',
            '.ci/*.spec.ts',
            'e2e/test/**/*.spec.ts',
            'bench/**/*.spec.ts',
          ],
          exclude: [...REDIS, 'apps/gateway/test/{autobahn,scale,soak}/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'chart',
          include: ['charts/test/**/*.spec.ts'],
          globalSetup: 'charts/test/support/global-setup.ts',
          setupFiles: 'charts/test/support/setup.ts',
        },
      },
      { extends: true, test: { name: 'redis', include: REDIS, maxWorkers: 3, sequence: { groupOrder: 1 } } },
    ],
  },
});
