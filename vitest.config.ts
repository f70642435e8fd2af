import { defineConfig } from 'vitest/config';

// Tests resolve the workspace's packages to their sources, so that a unit test needs no build.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // What tsc does with the decorators of Nest; spec files are in no tsconfig that Vite would find by itself.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: ['{apps,libs}/*/src/**/*.spec.ts', '{apps,libs}/*/test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', 'apps/gateway/test/autobahn/**'],
    reporters: ['default', './.ci/summary-reporter.ts'],
    // Machines of continuous integration stand still for a moment now and then; what fails twice is broken.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
