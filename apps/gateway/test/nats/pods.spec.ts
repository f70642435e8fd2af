import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { NatsServer } from '../../../../libs/broadcast/test/support/nats-server.js';
import { asLines, runClient } from '../support/backends/run.js';
import { describePlainPublish } from '../support/plain-publish.js';
import { systemProgram } from '../support/system-package.js';
import { describeTwoPods } from '../support/two-pods.js';

const BACKENDS = new URL('../support/backends/', import.meta.url);
const CLIENT = fileURLToPath(new URL('nats_publish.py', BACKENDS));

/** The first run installs the client: here no test's timeout counts. */
function installClient(): string {
  systemProgram('/usr/bin/pip3', ['python3', 'python3-pip']);
  return execFileSync('bash', [fileURLToPath(new URL('nats-py.sh', BACKENDS))], { encoding: 'utf8' }).trim();
}
const PYTHONPATH = installClient();

let server: NatsServer;
let tests = 0;

beforeAll(async () => {
  server = await NatsServer.start();
}, 600_000);
afterAll(() => server.close());

describeTwoPods('NATS', () => {
  tests += 1;
  return `${server.url}?prefix=test${tests}&partitions=4`;
});

describePlainPublish('nats-py', () => {
  tests += 1;
  const prefix = `test${tests}`;
  return {
    url: `${server.url}?prefix=${prefix}&partitions=4`,
    async publish(messages) {
      await runClient('/usr/bin/python3', [CLIENT, server.address, prefix], asLines(messages), { PYTHONPATH });
    },
  };
});
