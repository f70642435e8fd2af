import type { V1Pod } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { controllerConfigMaps } from './controller-config-maps.js';

function pod(namespace: string, container: { args?: string[]; command?: string[] }): V1Pod {
  return { metadata: { namespace }, spec: { containers: [{ name: 'controller', ...container }] } };
}

it('finds the ConfigMap that a controller is started with, in its own namespace or another one, once for all of its pods', () => {
  const own = pod('ingress', { args: ['/nginx-ingress-controller', '--configmap=$(POD_NAMESPACE)/settings'] });

  expect(
    controllerConfigMaps([
      own,
      own,
      pod('edge', { command: ['controller', '--configmap=shared/nginx'] }),
      pod('app', {}),
    ]),
  ).toEqual([
    { namespace: 'ingress', name: 'settings' },
    { namespace: 'shared', name: 'nginx' },
  ]);
});
