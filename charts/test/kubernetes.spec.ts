import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it, type TestContext } from 'vitest';
import { EVERYTHING } from './support/everything.ts';
import { CHART, render } from './support/helm.ts';

const { kubeconform, kubernetesSchemas } = inject('tools');
const versions = 'path' in kubernetesSchemas ? readdirSync(kubernetesSchemas.path) : [];

/** Kinds that are not of Kubernetes itself. */
const CUSTOM = [
  'BackendConfig',
  'BackendTrafficPolicy',
  'ExternalSecret',
  'FrontendConfig',
  'GCPBackendPolicy',
  'HealthCheckPolicy',
  'HTTPRoute',
  'Middleware',
  'PrometheusRule',
  'ScaledObject',
  'ServiceMonitor',
];

/** What the chart renders: by default, by each preset, for each way of traffic, and with everything on. */
async function renderAll(): Promise<string> {
  const golden = fileURLToPath(new URL('golden', import.meta.url));
  const presets = readdirSync(join(CHART, 'presets')).map((file) => join(CHART, 'presets', file));
  const all = await Promise.all([
    ...[join(CHART, 'values.yaml'), ...presets].map(
      async (file) => (await render({}, { args: ['--values', file] })).yaml,
    ),
    ...readdirSync(golden).map((file) => readFile(join(golden, file), 'utf8')),
    render(EVERYTHING).then(({ yaml }) => yaml),
  ]);
  return all.join('\n---\n');
}

/** What Kubernetes of that version would say of these objects. */
async function problems(yaml: string, version: string, skip: TestContext['skip']): Promise<string[]> {
  if ('missing' in kubeconform) return skip(kubeconform.missing);
  if ('missing' in kubernetesSchemas) return skip(kubernetesSchemas.missing);
  const location = `${kubernetesSchemas.path}/${version}/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const options = ['-strict', '-output=json', '-skip', CUSTOM.join(','), '-schema-location', location];
  const child = spawn(kubeconform.path, options);
  child.stdin.end(yaml);
  const { resources } = JSON.parse(await text(child.stdout)) as {
    resources: { kind: string; name: string; status: string; msg: string }[];
  };
  return resources.map(({ kind, name, status, msg }) => `${kind}/${name}: ${status} ${msg}`);
}

describe('Kubernetes', () => {
  let all: Promise<string> | undefined;

  it.for(versions.length > 0 ? versions : ['of each version'])(
    '%s takes what the chart renders',
    async (version, { skip }) => {
      expect(await problems(await (all ??= renderAll()), version, skip)).toEqual([]);
    },
  );

  it.for(versions.slice(0, 1))('%s would not take a typo', async (version, { skip }) => {
    const { yaml } = await render({ sidecars: [{ name: 'a', image: 'a:1', imagePulPolicy: 'Always' }] });
    expect(await problems(yaml, version, skip)).toEqual([expect.stringContaining('imagePulPolicy')]);
  });
});
