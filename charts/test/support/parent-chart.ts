import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CHART, Manifests, render, type RenderOptions } from './helm.ts';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-chart-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/**
 * A chart that has ours as a dependency, until the test ends.
 *
 * @param values its values.yaml.
 * @param aliases the names of the dependency, each of which is rendered with its own values.
 * @returns its folder.
 */
export async function parentChart(values: object, aliases: readonly string[] = ['holdfast']): Promise<string> {
  const folder = await temporaryFolder();
  await cp(CHART, join(folder, 'charts/holdfast'), { recursive: true });
  const dependencies = aliases.map((alias) => ({
    name: 'holdfast',
    version: '0.1.0',
    alias,
    condition: `${alias}.enabled`,
  }));
  await writeFile(
    join(folder, 'Chart.yaml'),
    JSON.stringify({ apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies }),
  );
  await writeFile(join(folder, 'values.yaml'), JSON.stringify(values));
  return folder;
}

/** Renders the chart with each of `variants` in a single process, which is much quicker than one for each. */
export async function renderVariants<Name extends string>(
  variants: Readonly<Record<Name, object>>,
  options: RenderOptions = {},
): Promise<Record<Name, Manifests>> {
  const names = Object.keys(variants) as Name[];
  const { yaml } = await render(variants, { ...options, chart: await parentChart({}, names) });
  const texts = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const text of yaml.split(/^---\n(?=# Source: )/m)) {
    const name = /^# Source: parent\/charts\/([^/]+)\//.exec(text)?.[1];
    if (name !== undefined) texts.get(name)?.push(text);
  }
  return Object.fromEntries(
    names.map((name) => [name, new Manifests((texts.get(name) ?? []).join('---\n'))]),
  ) as Record<Name, Manifests>;
}
