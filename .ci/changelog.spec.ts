import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const SCRIPT = fileURLToPath(new URL('changelog.ts', import.meta.url));

it('lists the user-visible changes since the last tag', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8' });
  const git = (...args: string[]): string => run('git', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args);
  const commit = (subject: string, ...paragraphs: string[]): string =>
    git('commit', '--quiet', '--allow-empty', ...[subject, ...paragraphs].flatMap((text) => ['-m', text]));

  git('init', '--quiet');
  commit('Old', 'Changelog: Added');
  git('tag', 'v0.1.0');
  commit('Mend a thing', 'It was broken.', 'Changelog: Fixed');
  commit('Move a file', 'Nobody notices.');
  commit('Bring a thing', 'Changelog: Added');

  expect(run(process.execPath, SCRIPT)).toBe('### Added\n\n- Bring a thing.\n\n### Fixed\n\n- Mend a thing.\n\n');
  expect(run(process.execPath, SCRIPT, 'HEAD~1')).toBe('### Added\n\n- Bring a thing.\n\n');
});
