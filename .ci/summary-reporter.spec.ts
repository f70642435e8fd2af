import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @returns the last lines of a run with one retry. */
function summaryOf(spec: string): string[] {
  const folder = mkdtempSync(join(ROOT, '.ci/summary-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.spec.js'), `import { describe, it } from 'vitest';\n${spec}`);
  writeFileSync(join(folder, 'vitest.config.js'), 'export default { test: {} };');
  const args = ['--root', folder, '--reporter', join(ROOT, '.ci/summary-reporter.ts'), '--retry', '1'];
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return stdout.split('\n').filter((line) => line !== '');
}

it('names the tests that passed only on a retry', () => {
  const lines = summaryOf(`
    let runs = 0;
    describe('a suite', () => {
      it('fails once', () => { if (runs++ === 0) throw new Error(); });
      it('passes', () => {});
      it('fails', () => { throw new Error(); });
      it.skip('is skipped', () => {});
    });
  `);
  expect(lines).toEqual(['1 flaky: a.spec.js > a suite > fails once', '2 passed, 1 failed, 1 skipped']);
});

it('counts a file that cannot be loaded as a failure', () => {
  expect(summaryOf('throw new Error();')).toEqual(['0 passed, 1 failed']);
});
