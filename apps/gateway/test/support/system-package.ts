import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

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
  const options = { stdio: 'pipe', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  // Test files run concurrently: the lock makes one wait for the other.
  execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update', '-qq'], options);
  execFileSync(
    'apt-get',
    ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '-qq', '--no-install-recommends', ...debianPackages],
    options,
  );
  return path;
}
