import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemProgram } from '../apps/gateway/test/support/system-package.js';
import { EXAMPLES, ROOT } from './doc-examples.js';

/** What the examples of a page take from their program: imports, and parameters. */
const CONTEXT: Readonly<Record<string, { imports: readonly string[]; parameters: string }>> = {
  'docs/brokers/kafka.md': {
    imports: ['org.apache.kafka.clients.producer.*', 'org.apache.kafka.common.serialization.StringSerializer'],
    parameters: '',
  },
  'docs/brokers/rabbitmq.md': { imports: ['com.rabbitmq.client.*'], parameters: 'Channel channel' },
  'docs/brokers/nats.md': {
    imports: ['io.nats.client.Connection', 'io.nats.client.impl.Headers'],
    parameters: 'Connection connection',
  },
  'docs/brokers/redis.md': {
    imports: ['redis.clients.jedis.*'],
    parameters: 'Jedis jedis',
  },
};

// The first run installs what is missing, which takes minutes.
it('the examples in Java compile against the libraries that they name', { timeout: 600_000 }, () => {
  systemProgram('/usr/bin/javac', ['default-jdk-headless']);
  systemProgram('/usr/bin/mvn', ['maven']);
  const libraries = execFileSync(join(ROOT, '.ci/java/libraries.sh'), { encoding: 'utf8' }).trim();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-java-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const examples = EXAMPLES.filter(({ page, language }) => language === 'java' && page !== 'docs/backends.md');
  expect(examples.map(({ page }) => page).toSorted()).toEqual(Object.keys(CONTEXT).toSorted());
  const files = examples.map(({ page, text }, index) => {
    const { imports, parameters } = CONTEXT[page] ?? { imports: [], parameters: '' };
    const lines = ['java.nio.charset.StandardCharsets', 'java.util.Map', ...imports].map((name) => `import ${name};`);
    const file = join(folder, `Example${index}.java`);
    writeFileSync(
      file,
      `${lines.join('\n')}\nclass Example${index} {\n  void run(${parameters}) throws Exception {\n${text}\n  }\n}\n`,
    );
    return file;
  });
  const { status, stderr } = spawnSync('javac', ['-proc:none', '-cp', `${libraries}/*`, '-d', folder, ...files], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
