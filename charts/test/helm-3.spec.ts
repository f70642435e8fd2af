import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { EVERYTHING } from './support/everything.ts';
import { CHART, helm, refusal, render } from './support/helm.ts';

/** A Helm that is built from its module assumes an ancient Kubernetes version. */
const kubeVersion = '1.34.0';

/** Values that change with each render. */
function withoutSecrets(yaml: string): string {
  return yaml.replaceAll(/^( {2}(?:jwt-secret|api-keys|redis-password|broker-url)): \S+$/gm, '$1');
}

/** The order of objects is decided by Helm. */
function objects(yaml: string): string[] {
  const documents = withoutSecrets(yaml).split(/^---$/m);
  return documents.map((text) => text.trim()).toSorted();
}

describe('Helm 3', () => {
  beforeEach(({ skip }) => {
    const { helm3 } = inject('tools');
    if ('missing' in helm3) skip(helm3.missing);
  });

  it('passes helm lint', async () => {
    expect(await helm(['lint', '--strict', CHART], '', 'helm3')).not.toMatch(/\[(WARNING|ERROR)\]/);
  });

  it.each([
    ['by default', {}, undefined],
    ['with everything on', EVERYTHING, undefined],
    ...readdirSync(join(CHART, 'presets')).map((file) => [`with ${file}`, {}, file] as const),
  ] as const)('renders what Helm 4 renders, %s', async (_, values, preset) => {
    const args = preset === undefined ? [] : ['--values', join(CHART, 'presets', preset)];
    const [three, four] = await Promise.all([
      render(values, { args, kubeVersion, helm: 'helm3' }),
      render(values, { args, kubeVersion, helm: 'helm' }),
    ]);
    expect(objects(three.yaml)).toEqual(objects(four.yaml));
  });

  it.each([
    ['a misspelt name', { replicas: 4 }, 'replicas'],
    ['a misspelt name in the configuration', { config: { drane: {} } }, 'drane'],
    ['a contradiction', { terminationGracePeriodSeconds: 5 }, 'terminationGracePeriodSeconds: expected at least 60'],
  ])('refuses %s', async (_, values, message) => {
    expect(await refusal(values, { kubeVersion, helm: 'helm3' })).toContain(message);
  });
});
