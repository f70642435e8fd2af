import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { RabbitServer } from '../../../../libs/broadcast/test/support/rabbitmq-server.js';
import { asLines, runClient } from '../support/backends/run.js';
import { describePlainPublish } from '../support/plain-publish.js';
import { systemProgram } from '../support/system-package.js';
import { describeTwoPods } from '../support/two-pods.js';

const CLIENT = fileURLToPath(new URL('../support/backends/pika_publish.py', import.meta.url));
const PIKA = '/usr/lib/python3/dist-packages/pika';
const PYTHON = systemProgram('/usr/bin/python3', ['python3', 'python3-pika'], () => existsSync(PIKA));

let server: RabbitServer;
let tests = 0;

beforeAll(async () => {
  server = await RabbitServer.start();
}, 600_000);
afterAll(() => server.close());

describeTwoPods('RabbitMQ', () => {
  tests += 1;
  return `${server.url}?prefix=test${tests}&partitions=4`;
});

describePlainPublish('pika', () => {
  tests += 1;
  const prefix = `test${tests}`;
  return {
    url: `${server.url}?prefix=${prefix}&partitions=4`,
    async publish(messages) {
      await runClient(PYTHON, [CLIENT, `${server.port}`, `${prefix}.publish`], asLines(messages));
    },
  };
});
