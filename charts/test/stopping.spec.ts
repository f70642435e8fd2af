import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';

describe('a stopping pod', () => {
  it('has a grace period of preStop, settle, drain and margin together', async () => {
    const manifests = await render({ timeouts: { preStop: 3, settle: 10.2, drain: 20, margin: 4 } });
    const pod = manifests.deployment.spec.template.spec;
    expect(pod.terminationGracePeriodSeconds).toBe(38);
    expect(pod.containers[0].lifecycle).toEqual({ preStop: { sleep: { seconds: 3 } } });
    expect(manifests.config).toContain('settle: 10.2\n  window: 20\n');
  });

  it('can have more time, never less', async () => {
    const { deployment } = await render({ terminationGracePeriodSeconds: 60 });
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBe(60);
    expect(await refusal({ terminationGracePeriodSeconds: 59 })).toContain(
      'terminationGracePeriodSeconds: expected at least 60, which is timeouts.preStop + settle + drain + margin',
    );
  });

  it('has no hook without a preStop', async () => {
    const { deployment } = await render({ timeouts: { preStop: 0 } });
    expect(deployment.spec.template.spec.containers[0]).not.toHaveProperty('lifecycle');
  });

  it('settles at least as long as proxies take to notice', async () => {
    expect(await refusal({ timeouts: { settle: 9.9 } })).toContain(
      'timeouts.settle: expected at least 10 s, which is probes.readiness.periodSeconds × failureThreshold',
    );
    await render({ timeouts: { settle: 3 }, probes: { readiness: { periodSeconds: 3 } } });
    expect(await refusal({ probes: { readiness: { failureThreshold: 2 } } })).toContain('expected at least 20 s');
  });

  it.each([
    ['drain', { settle: 5 }, 'use timeouts.settle and timeouts.drain'],
    ['port', 9000, 'use service.port'],
    ['managementPort', 9001, 'use the fixed port 8001'],
  ])('cannot be configured by config.%s', async (member, value, message) => {
    const output = await refusal({ config: { [member]: value } });
    expect(output).toContain(`config.${member}: the chart sets it`);
    expect(output).toContain(message);
  });
});
