import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';

describe('the Deployment', () => {
  it('runs three pods, and replaces them without losing one', async () => {
    const { deployment } = await render();
    expect(deployment.spec).toMatchObject({
      replicas: 3,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    });
  });

  it('refuses a typo', async () => {
    expect(await refusal({ replicas: 4 })).toContain("additional properties 'replicas' not allowed");
  });
});
