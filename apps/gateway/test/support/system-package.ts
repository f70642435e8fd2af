import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Test files run concurrently, and apt itself waits for dpkg's lock, but not for the one of its lists. */
const APT_LOCK = join(tmpdir(), 'holdfast-apt.lock');

/**
 * The path of a program that npm cannot install, from Debian's packages if it is missing and the process may install it.
 *
 * @throws Error that says what to install, if it may not.
 */
export function systemProgram(
  path: string,
  debianPackages: readonly string[],
  usable = () => existsSync(path),
): string {
  if (usable()) return path;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `this test needs ${path}: install ${debianPackages.join(' ')} (these are the names of Debian's packages)`,
    );
  }
  apt('update', '-qq');
  apt('install', '-y', '-qq', '--no-install-recommends', ...debianPackages);
  return path;
}

/** Runs `apt-get`, one at a time. @throws Error with what it has printed, if it fails. */
export function apt(...args: readonly string[]): void {
  execFileSync('flock', [APT_LOCK, 'apt-get', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: 'pipe',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
