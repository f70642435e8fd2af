import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** File, what it imports, and whether the linter accepts that. */
const IMPORTS: [file: string, imported: string, isAccepted: boolean][] = [
  ['delivery/a.ts', '../broker.js', true],
  ['delivery/b.ts', '../memory/stream.js', false],
  ['delivery/c.ts', '../membership/pod-index.js', false],
  ['delivery/d.ts', '../create-broker.js', false],
  ['membership/a.ts', '../errors.js', true],
  ['membership/b.ts', '../redis/keyspace.js', false],
  ['memory/a.ts', '../delivery/publication-log.js', true],
  ['memory/b.ts', '../redis/input.js', false],
  ['redis/a.ts', './client/connection.js', true],
  ['redis/b.ts', '../memory/stream.js', false],
  ['redis/client/a.ts', '../topology/router.js', true],
  ['redis/client/b.ts', '../../membership/upkeep.js', true],
  ['redis/client/c.ts', '../../memory/stream.js', false],
  ['redis/c.ts', '../log/log-adapter.js', false],
  ['memory/c.ts', '../log/log-adapter.js', false],
  ['log/a.ts', '../delivery/recent-publications.js', true],
  ['log/b.ts', '../membership/repeater.js', true],
  ['log/c.ts', '../kafka/kafka-adapter.js', false],
  ['log/fold/a.ts', '../log-adapter.js', true],
  ['log/fold/b.ts', '../../memory/stream.js', false],
  ['delivery/e.ts', '../log/log-adapter.js', false],
  ['kafka/a.ts', '../log/log-adapter.js', true],
  ['kafka/b.ts', '../nats/nats-adapter.js', false],
  ['rabbitmq/a.ts', '../kafka/kafka-adapter.js', false],
  ['nats/a.ts', '../errors.js', true],
  ['nats/b.ts', '../redis/input.js', false],
  ['pubsub/a.ts', '../log/log-adapter.js', true],
  ['pubsub/b.ts', '../kafka/kafka-adapter.js', false],
  ['nats/client/a.ts', '../../log/log-adapter.js', true],
  ['nats/client/b.ts', '../../kafka/kafka-adapter.js', false],
  // A broker of the future needs no rule of its own.
  ['postgres/a.ts', '../delivery/subscriptions.js', true],
  ['postgres/b.ts', '../redis/input.js', false],
  ['postgres/c.ts', '../log/log-adapter.js', false],
];

it('the linter rejects imports between brokers, from delivery, membership and log to brokers, and of log by others than its adapters', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-lint-'));
  try {
    await copyFile(join(ROOT, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    for (const [file, imported] of IMPORTS) {
      const path = join(directory, 'libs/broadcast/src', file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `import type { A } from '${imported}';\nexport type B = A;\n`);
    }
    const oxlint = join(ROOT, 'node_modules/.bin/oxlint');
    const { stdout } = spawnSync(oxlint, ['--format', 'unix', '.'], { cwd: directory, encoding: 'utf8' });
    const rejected = stdout.split('\n').filter((line) => line.includes('no-restricted-imports'));
    const isRejected = (file: string): boolean => rejected.some((line) => line.includes(`src/${file}:`));
    const results = IMPORTS.map(([file, imported]) => [file, imported, !isRejected(file)]);
    expect(results).toEqual(IMPORTS);
  } finally {
    await rm(directory, { recursive: true });
  }
});
