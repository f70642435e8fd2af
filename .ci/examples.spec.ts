import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort } from '../libs/broadcast/test/support/free-port.js';
import { ROOT } from './doc-examples.js';

const EXAMPLES = globSync('examples/*/package.json', { cwd: ROOT }).map((path) => path.split('/')[1] ?? '');
const LIST = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');

function status(url: string): Promise<number | undefined> {
  return fetch(url).then(
    (response) => response.status,
    () => undefined,
  );
}

describe('npm run example', () => {
  it.each(EXAMPLES)('starts %s, which is listed and has a README', (name) => {
    const manifest = readFileSync(join(ROOT, `examples/${name}/package.json`), 'utf8');
    const { scripts } = JSON.parse(manifest) as { scripts: { start?: string; gateway?: string } };
    expect(scripts.start ?? scripts.gateway).toBeDefined();
    expect(LIST).toContain(`](${name}/README.md)`);
    expect(LIST).toContain(`\`npm run example -- ${name}\``);
    expect(readFileSync(join(ROOT, `examples/${name}/README.md`), 'utf8')).toContain(
      `    npm run example -- ${name}\n`,
    );
    expect(globSync(`examples/${name}/test/*.spec.ts`, { cwd: ROOT })).not.toEqual([]);
  });

  // One with a gateway and a program beside it, and one that is a gateway.
  it.each([
    ['from-socket-io', '/messages'],
    ['nest-module', '/shop/stock'],
  ])('runs %s, and ends everything that it has started', async (name, path) => {
    const [port, gatewayPort] = [await freePort(), await freePort()];
    const gateway = `http://localhost:${gatewayPort}`;
    const page = name === 'nest-module' ? gateway : `http://localhost:${port}`;
    const child = spawn(process.execPath, ['examples/run.ts', name], {
      cwd: ROOT,
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PORT: String(port),
        HOLDFAST_PORT: String(gatewayPort),
        HOLDFAST_MANAGEMENT_PORT: '0',
      },
    });
    onTestFinished(() => void child.kill());
    await vi.waitFor(
      async () => {
        expect(await status(`${gateway}/health/ready`)).toBe(200);
        expect(await status(page + path)).toBe(200);
      },
      { timeout: 120_000, interval: 200 },
    );
    child.kill();
    expect(await once(child, 'close')).toEqual([0, null]);
    await vi.waitFor(async () => {
      expect(await status(`${gateway}/health/ready`)).toBeUndefined();
      expect(await status(page + path)).toBeUndefined();
    });
  });
});
