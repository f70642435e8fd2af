import { describe, expect, it } from 'vitest';
import { render } from './support/helm.ts';
import { parentChart } from './support/parent-chart.ts';

/** The user, or else a group, of each pod. */
async function ids(values: object, apiVersions: readonly string[] = []): Promise<unknown[]> {
  const manifests = await render(values, { apiVersions });
  const pods = [...manifests.find('Deployment').map(({ spec }) => spec.template.spec), manifests.get('Pod').spec];
  return pods.map(({ securityContext: { runAsUser, runAsGroup, fsGroup } }) => runAsUser ?? runAsGroup ?? fsGroup);
}

describe('openshift', () => {
  it.each([
    ['auto', ['security.openshift.io/v1']],
    ['always', []],
  ])('%s lets OpenShift choose the user of each pod', async (openshift, apiVersions) => {
    expect(await ids({ openshift }, apiVersions)).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['auto', []],
    ['never', ['security.openshift.io/v1']],
  ])('%s keeps the users of the images elsewhere', async (openshift, apiVersions) => {
    expect(await ids({ openshift }, apiVersions)).toEqual([65_532, 999, 65_532]);
  });

  it('needs no null in a parent chart', async () => {
    const chart = await parentChart({ holdfast: { openshift: 'always' } });
    const { deployment } = await render({}, { chart });
    expect(deployment.spec.template.spec.securityContext).not.toHaveProperty('runAsUser');
  });
});
