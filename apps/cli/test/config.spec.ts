import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Running } from './test-io.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, 'holdfast.yaml');
  writeFileSync(path, content);
  return path;
}

const WRONG = 'port: 99999\nauth: { anonymus: true }\napiKeys: [a-secret-of-an-operator]\n';

describe('holdfast config check', () => {
  it('accepts a valid file', async () => {
    const sut = new Running(['config', 'check', file('port: 8080\n')]);
    expect(await sut.exitCode, sut.stderr).toBe(0);
    expect([sut.stdout, sut.stderr]).toEqual(['', 'holdfast: the configuration is valid\n']);
  });

  it('names each wrong setting, and exits with 78 as the gateway would', async () => {
    const sut = new Running(['config', 'check', file(WRONG)]);
    expect(await sut.exitCode).toBe(78);
    expect(sut.lines.toSorted()).toEqual([
      'apiKeys: expected in HOLDFAST_API_KEYS or HOLDFAST_API_KEYS_FILE, not in the file',
      'auth.anonymus: unknown member, did you mean auth.anonymous?',
      'port: expected a whole number from 0 to 65535',
    ]);
    expect(sut.stderr).toBe('holdfast: the configuration is not valid: 3 problems\n');
    expect(sut.stdout + sut.stderr).not.toContain('a-secret-of-an-operator');
  });

  it('prints JSON with the setting', async () => {
    const path = file('port: 99999\n');
    const sut = new Running(['config', 'check', path, '--json']);
    expect(await sut.exitCode).toBe(78);
    expect(sut.json).toEqual([{ setting: 'port', problem: 'expected a whole number from 0 to 65535', file: path }]);
  });

  it('checks the environment only if it is asked to', async () => {
    const env = { HOLDFAST_JWT_SECRET: 'short' };
    const args = ['config', 'check', file('')];
    expect(await new Running(args, { env }).exitCode).toBe(0);
    const sut = new Running([...args, '--env'], { env });
    expect(await sut.exitCode).toBe(78);
    expect(sut.stdout).toContain('HOLDFAST_JWT_SECRET: expected secrets of at least 32 bytes');
  });

  it('reports a file that cannot be read', async () => {
    const sut = new Running(['config', 'check', join(folder, 'missing.yaml')]);
    expect(await sut.exitCode).toBe(78);
    expect(sut.stdout).toContain('HOLDFAST_CONFIG: expected the path of a readable UTF-8 file (ENOENT)');
  });
});
