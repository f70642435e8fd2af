import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
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
        readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

describe.each(globSync('*.yml', { cwd: FOLDER }))('the workflow %s', (name) => {
  const { permissions, jobs } = parse(readFileSync(`${FOLDER}/${name}`, 'utf8')) as Workflow;

  it('pins what it uses by commit, as a tag can be moved', () => {
    const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);
    for (const { uses } of [...Object.values(jobs), ...steps].filter((each) => each.uses !== undefined)) {
      expect(uses).toMatch(/^(?:\.\/|[\w/-]+@[0-9a-f]{40}$)/);
    }
  });

  it('may write nothing unless a job says so', () => {
    expect(permissions).toBeDefined();
    expect(Object.values(permissions ?? {}).filter((right) => right !== 'read')).toEqual([]);
  });

  it('puts no text of a stranger into a script', () => {
    const scripts = Object.values(jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run ?? ''));
    for (const script of scripts) expect(script).not.toMatch(/\$\{\{\s*(?:github|inputs|secrets)\b/);
  });
});
