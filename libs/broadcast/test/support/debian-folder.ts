import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemProgram } from '../../../../apps/gateway/test/support/system-package.js';

export const SCRIPTS = fileURLToPath(new URL('servers/', import.meta.url));

/**
 * Installs the servers that come from a Debian in a folder of its own. Called when a module is loaded: the first run takes
 * minutes, and there no test's timeout counts.
 */
export function installDebian(): void {
  const cache = process.env['TEST_SERVERS_CACHE'] ?? join(homedir(), '.cache/holdfast-test-servers');
  const suite = process.env['DEBIAN_SUITE'] ?? 'trixie';
  if (existsSync(join(cache, `debian-${suite}`))) return;
  systemProgram('/usr/sbin/debootstrap', ['debootstrap']);
  execFileSync('bash', [join(SCRIPTS, 'debian.sh')], { stdio: 'pipe' });
}
