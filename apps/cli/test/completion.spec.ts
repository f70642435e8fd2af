import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemProgram } from '../../gateway/test/support/system-package.js';
import { Running } from './test-io.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-completion-'));
// Takes a while if the shells have to be installed first.
beforeAll(() => {
  for (const shell of ['zsh', 'fish']) systemProgram(`/usr/bin/${shell}`, [shell], () => isInstalled(shell));
}, 600_000);
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

/** zsh completes only at a terminal. Writes what it offers to a file, and ends after the first completion. */
const ZSH_AT_TERMINAL = `
PROMPT=
autoload -Uz compinit
fpath=("$FPATH_FIRST" $fpath)
compinit -u -D
[[ -z $SCRIPT ]] || source "$SCRIPT"
zstyle ':completion:*' insert-tab false
bindkey '^I' complete-word
compadd() {
  # The functions of completion also use it to fill arrays.
  if [[ " \${@[1,(i)--]} " == *' '-[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  local -a offered
  builtin compadd -A offered "$@"
  print -rl -- $offered >> "$OFFERED"
  builtin compadd "$@"
}
comppostfuncs=(exit)
print is-ready
`;

const ZSH_TERMINAL = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source '$1'"
while zpty -r shell line; do [[ $line == is-ready* ]] && break; done
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do :; done
true
`;

/** @param environment how zsh finds the script. */
function zshWith(environment: (path: string) => NodeJS.ProcessEnv): Complete {
  return (path, words) => {
    const [setup, offered] = [join(folder, 'setup.zsh'), join(folder, 'offered')];
    writeFileSync(setup, ZSH_AT_TERMINAL);
    writeFileSync(offered, '');
    execFileSync('zsh', ['-f', '-c', ZSH_TERMINAL, 'zsh', setup, words.join(' ')], {
      cwd: folder,
      env: { ...process.env, OFFERED: offered, FPATH_FIRST: '', SCRIPT: '', TERM: 'dumb', ...environment(path) },
    });
    return readFileSync(offered, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  };
}

const zsh = zshWith((path) => ({ SCRIPT: path }));

const zshWithFpath = zshWith((path) => {
  const first = join(folder, 'functions');
  mkdirSync(first, { recursive: true });
  copyFileSync(path, join(first, '_holdfast'));
  return { FPATH_FIRST: first };
});

describe.each([
  ['bash', 'bash', bash],
  ['zsh', 'zsh', zsh],
  ['zsh with the script in fpath', 'zsh', zshWithFpath],
  ['fish', 'fish', fish],
])('the completion of %s', (_, shell, complete) => {
  it.each([
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

  it('offers nothing for a value that it cannot know', async () => {
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
  expect(spawnSync(shell, ['-n', path], { encoding: 'utf8' }).stderr).toBe('');
});

it('is refused for another shell', async () => {
  const sut = new Running(['completion', 'csh']);
  expect(await sut.exitCode).toBe(2);
  expect(sut.stderr).toContain('bash, zsh, fish');
});
