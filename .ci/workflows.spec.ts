import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';

const FOLDER = fileURLToPath(new URL('../.github/workflows', import.meta.url));

type Permissions = Readonly<Record<string, string>>;

interface Workflow {
  readonly permissions?: Permissions;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Permissions;
        readonly uses?: string;
        readonly needs?: string | string[];
        readonly steps?: readonly { readonly name?: string; readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

describe.each(globSync('*.yml', { cwd: FOLDER }))('the workflow %s', (name) => {
  const { permissions, jobs } = parse(readFileSync(`${FOLDER}/${name}`, 'utf8')) as Workflow;

  it('pins actions and images by commit, because tags can be moved', () => {
    const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);
    for (const { uses } of [...Object.values(jobs), ...steps].filter((each) => each.uses !== undefined)) {
      expect(uses).toMatch(/^(?:\.\/|[\w/-]+@[0-9a-f]{40}$)/);
    }
  });

  it('has no write permission unless a job requests it', () => {
    expect(permissions).toBeDefined();
    expect(Object.values(permissions ?? {}).filter((right) => right !== 'read')).toEqual([]);
  });

  it('does not interpolate untrusted text into a script', () => {
    const scripts = Object.values(jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run ?? ''));
    for (const script of scripts) expect(script).not.toMatch(/\$\{\{\s*(?:github|inputs|secrets)\b/);
  });
});

describe('a release', () => {
  const IMAGE = 'docker.io/holdfast/gateway';

  it.each([
    ['of a version that is not there', `ERROR: ${IMAGE}:1.2.3: not found`, 1, 0],
    ['of a version that is there', 'Name: it', 0, 1],
    ['while the registry is out of reach', 'ERROR: failed to do request: dial tcp: lookup: no such host', 1, 1],
    ['while the registry fails', 'ERROR: unexpected status from HEAD request: 503 Service Unavailable', 1, 1],
  ])('%s', (_name, output, dockerStatus, status) => {
    const { jobs } = parse(readFileSync(`${FOLDER}/release.yml`, 'utf8')) as Workflow;
    const script = jobs['image']?.steps?.find(({ name }) => name === 'Take the version from the tag')?.run ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stub = (name: string, text: string): void => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(folder, name), 0o755);
    };
    stub('docker', `echo '${output}' >&2; exit ${dockerStatus}`);
    stub('jq', 'echo 1.2.3');
    stub('git', 'echo 0');
    mkdirSync(join(folder, 'charts/holdfast'), { recursive: true });
    writeFileSync(join(folder, 'charts/holdfast/Chart.yaml'), 'version: 1.2.3\nappVersion: 1.2.3\n');
    const ran = spawnSync('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: folder,
      env: {
        PATH: `${folder}:${process.env['PATH']}`,
        GITHUB_REF_NAME: 'v1.2.3',
        GITHUB_ENV: join(folder, 'env'),
        IMAGE,
      },
    });
    expect(ran.status, ran.stdout.toString()).toBe(status);
  });

  it('publishes the packages with provenance, and attaches the same files', () => {
    const { jobs } = parse(readFileSync(`${FOLDER}/release.yml`, 'utf8')) as Workflow;
    const { permissions, needs, steps = [] } = jobs['packages'] ?? {};
    expect(permissions).toEqual({ contents: 'write', 'id-token': 'write' });
    expect(needs).toEqual(['image', 'chart']);
    const scripts = steps.map(({ run }) => run ?? '').join('\n');
    expect(scripts).toMatch(/npm run pack -- packages\n/);
    expect(scripts).toMatch(/npm publish "packages\/\$package-.*" --access public --provenance/);
    expect(scripts).toMatch(/gh release upload .* packages\/\*\.tgz/);
  });
});
