import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Running } from './test-io.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'holdfast.yaml'), '');

async function script(shell: string): Promise<string> {
  const sut = new Running(['completion', shell]);
  expect(await sut.exitCode, sut.stderr).toBe(0);
  const path = join(folder, shell);
  writeFileSync(path, sut.stdout);
  return path;
}

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['--version']).error === undefined;
}

/** What a shell offers for the last of these words. */
type Complete = (path: string, words: readonly string[]) => string[];

const bash: Complete = (path, words) => {
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['-c', program, 'bash', path, ...words], { cwd: folder, encoding: 'utf8' });
  return output.split('\n').filter((line) => line !== '');
};

const fish: Complete = (path, words) => {
  const program = `source ${path}; complete --do-complete '${words.join(' ')}'`;
  const output = execFileSync('fish', ['-c', program], { cwd: folder, encoding: 'utf8' });
  return output.split('\n').flatMap((line) => line.split('\t')[0] || []);
};

describe.each([
  ['bash', bash],
  ['fish', fish],
])('the completion of %s', (shell, complete) => {
  // Continuous integration has bash.
  it.skipIf(shell !== 'bash' && !isInstalled(shell)).each([
    [['holdfast', 'pub'], ['publish']],
    [
      ['holdfast', 'context', ''],
      ['add', 'use', 'list', 'remove'],
    ],
    [['holdfast', 'context', 'add', 'prod', '--api'], ['--api-key-file']],
    [['holdfast', 'tail', 'room', '--la'], ['--last']],
    [
      ['holdfast', 'verify', '--affinity', 'c'],
      ['clientIP', 'cookie'],
    ],
    [['holdfast', 'publish', 'x', '--api-key-file', 'hold'], ['holdfast.yaml']],
    [['holdfast', 'config', 'check', 'hold'], ['holdfast.yaml']],
  ])('completes %j', async (words, expected) => {
    expect(complete(await script(shell), words)).toEqual(expect.arrayContaining(expected));
  });

  it.skipIf(shell !== 'bash' && !isInstalled(shell))('offers nothing for a value that it cannot know', async () => {
    expect(complete(await script(shell), ['holdfast', 'tail', 'room', '--last', '1'])).toEqual([]);
  });
});

it.each(['bash', 'zsh', 'fish'])('the script for %s has every command, and its syntax is right', async (shell) => {
  const path = await script(shell);
  const sut = new Running(['completion', shell]);
  await sut.exitCode;
  for (const command of ['publish', 'history', 'connections', 'unblock', 'completion', 'check']) {
    expect(sut.stdout).toContain(command);
  }
  if (isInstalled(shell)) expect(spawnSync(shell, ['-n', path], { encoding: 'utf8' }).stderr).toBe('');
});

it('is refused for another shell', async () => {
  const sut = new Running(['completion', 'csh']);
  expect(await sut.exitCode).toBe(2);
  expect(sut.stderr).toContain('bash, zsh, fish');
});
