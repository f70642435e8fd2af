import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** These mostly wait for servers, or for a fake of one: for leases, failovers, and servers that hang. */
const ON_SERVERS = [
  '{apps/cli,apps/gateway,libs/broadcast}/test/{kafka,nats,postgres,pubsub,rabbitmq,redis}/**/*.spec.ts',
  'apps/chat/test/brokers.spec.ts',
];

/** Most tests wait more than they compute. By default a machine with two cores would run one file at a time. */
const WORKERS = Math.max(3, availableParallelism() - 1);

/** The oldest React that the hooks support, installed in a folder of its own. */
const REACT_18 = fileURLToPath(new URL('.ci/react-18/node_modules', import.meta.url));

// Tests resolve the workspace's packages to their sources, so that a unit test needs no build.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  // Compiles Nest's decorators like tsc; Vite would not find a tsconfig with the spec files by itself.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    reporters: ['default', './.ci/summary-reporter.ts'],
    setupFiles: ['vitest.setup.ts'],
    // Only what hangs should reach these: a machine of continuous integration may stall for seconds.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'code',
          maxWorkers: WORKERS,
          include: [
            '{apps,libs}/*/src/**/*.spec.ts',
            '{apps,examples,libs}/*/test/**/*.spec.{ts,tsx}',
            '{charts,docs,libs/*}/generate/*.spec.ts',
            'apps/gateway/dev/*.spec.ts',
            '.ci/*.spec.ts',
            'e2e/test/**/*.spec.ts',
            'bench/**/*.spec.ts',
            'conformance/**/*.spec.ts',
          ],
          exclude: [
            ...ON_SERVERS,
            'apps/gateway/test/alerts/{alerts,dashboards}.spec.ts',
            'apps/gateway/test/{autobahn,scale,soak}/**',
            'apps/{chat,operations}/test/picture/**',
            'libs/client/test/nodes/**',
          ],
        },
      },
      {
        extends: true,
        resolve: { alias: [{ find: /^react(?=-dom\/|\/|$)/, replacement: `${REACT_18}/react` }] },
        test: {
          name: 'react-18',
          maxWorkers: WORKERS,
          env: { REACT: '18' },
          include: ['libs/react/test/{hooks,server}.spec.tsx'],
        },
      },
      {
        extends: true,
        test: {
          name: 'chart',
          maxWorkers: WORKERS,
          include: ['charts/test/**/*.spec.ts'],
          globalSetup: 'charts/test/support/global-setup.ts',
          setupFiles: ['charts/test/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ON_SERVERS,
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          // Failovers depend on the machine's timing, and machines of continuous integration stall now and then. The summary
          // names what passed only the second time. Nothing else is retried: a test without servers that fails is broken.
          retry: process.env['CI'] ? 1 : 0,
        },
      },
      {
        extends: true,
        test: {
          name: 'soak',
          include: ['apps/gateway/test/soak/*.spec.ts'],
          // It measures latencies, and needs the machine to itself.
          sequence: { groupOrder: 2 },
          retry: process.env['CI'] ? 1 : 0,
        },
      },
    ],
  },
});
