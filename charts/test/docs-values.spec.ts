import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { EXAMPLES, ROOT } from '../../.ci/doc-examples.js';
import { CHART, render } from './support/helm.ts';
import { temporaryFolder } from './support/parent-chart.ts';

/** The YAML of the pages about clusters and controllers. Values begin with `# values.yaml`, and name the presets that they are used with. */
const blocks = EXAMPLES.filter(
  ({ page, language }) => /^docs\/(?:kubernetes|ingress)(?:\.md$|\/)/.test(page) && language === 'yaml',
);
const isValues = (text: string): boolean => text.startsWith('# values.yaml');
const namesAndTexts = (of: typeof blocks): (readonly [string, string])[] => of.map(({ name, text }) => [name, text]);

const textOf = (page: string): string => readFileSync(join(ROOT, 'docs', page), 'utf8').replaceAll(/\s+/g, ' ');

const values = blocks.filter(({ text }) => isValues(text));
const objects = blocks.filter(({ text }) => !isValues(text));

describe('the values that the documentation shows', () => {
  it.each(namesAndTexts(values))('%s is rendered', async (_, text) => {
    const [first = ''] = text.split('\n');
    const presets = [...first.matchAll(/presets\/[\w-]+\.yaml/g)].map(([preset]) => join(CHART, preset));
    const file = join(await temporaryFolder(), 'values.yaml');
    writeFileSync(file, text);
    const args = [...presets, file].flatMap((path) => ['--values', path]);
    expect((await render({}, { args })).deployment.kind).toBe('Deployment');
  });

  it.each(namesAndTexts(objects))('%s is an object of Kubernetes', (_, text) => {
    for (const document of parseAllDocuments(text)) {
      expect(document.toJS()).toMatchObject({
        apiVersion: expect.any(String) as string,
        kind: expect.any(String) as string,
        metadata: { name: expect.any(String) as string },
      });
    }
  });

  it.each([
    ['kubernetes/gke.md', 'gke', 'the 70 s of the preset'],
    ['kubernetes/aks.md', 'aks', 'the preset `aks` take 145 s'],
  ])('%s says how long a pod of the preset %s takes to stop', async (page, preset, text) => {
    expect(textOf(page)).toContain(text);
    const { deployment } = await render({}, { args: ['--values', join(CHART, 'presets', `${preset}.yaml`)] });
    expect(text).toContain(`${deployment.spec.template.spec.terminationGracePeriodSeconds} s`);
  });

  it.each([
    ['GKE Ingress', { ingress: { enabled: true, controller: 'gke' } }, '3,210 s'],
    ['GKE Gateway', { gateway: { enabled: true, controller: 'gke', parentRefs: [{ name: 'a' }] } }, '77,730 s'],
  ])('ingress/google.md says at which age clients of %s are moved', async (_, traffic, age) => {
    expect(textOf('ingress/google.md')).toContain(age);
    const { deployment } = await render(traffic);
    const config = deployment.spec.template.metadata.annotations['holdfast/config'] as string;
    expect(/"?maxAge"?: ?(\d+)/.exec(config)?.[1]).toBe(age.replaceAll(/\D/g, ''));
  });

  it('names presets that exist', () => {
    const named = EXAMPLES.flatMap(({ text }) =>
      Array.from(text.matchAll(/charts\/holdfast\/(presets\/[\w-]+\.yaml)/g), ([, preset = '']) => preset),
    );
    expect(named.filter((preset) => !existsSync(join(CHART, preset)))).toEqual([]);
    expect(values.length).toBeGreaterThan(10);
  });
});
