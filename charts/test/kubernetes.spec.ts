import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it, type TestContext } from 'vitest';
import { EVERYTHING, EXTERNAL_SECRET, KEDA } from './support/everything.ts';
import { CHART, render } from './support/helm.ts';

const { kubeconform, kubernetesSchemas, customSchemas } = inject('tools');
const versions = 'path' in kubernetesSchemas ? readdirSync(kubernetesSchemas.path) : [];

/** Kinds whose definitions are not published in a package. */
const UNKNOWN = [
  'BackendConfig',
  'FrontendConfig',
  'GCPBackendPolicy',
  'HealthCheckPolicy',
  'Middleware',
  'RoutePolicy',
];

/** Everything that the chart renders: by default, with each preset, for each kind of ingress, and with every option enabled. */
async function renderAll(): Promise<string> {
  const golden = fileURLToPath(new URL('golden', import.meta.url));
  const presets = readdirSync(join(CHART, 'presets')).map((file) => join(CHART, 'presets', file));
  const all = await Promise.all([
    ...[join(CHART, 'values.yaml'), ...presets].map(
      async (file) => (await render({}, { args: ['--values', file] })).yaml,
    ),
    ...readdirSync(golden).map((file) => readFile(join(golden, file), 'utf8')),
    ...[EVERYTHING, KEDA, EXTERNAL_SECRET].map(async (values) => (await render(values)).yaml),
  ]);
  return all.join('\n---\n');
}

/** The errors that Kubernetes of that version would report for these objects. */
async function problems(yaml: string, version: string, skip: TestContext['skip']): Promise<string[]> {
  if ('missing' in kubeconform) return skip(kubeconform.missing);
  if ('missing' in kubernetesSchemas) return skip(kubernetesSchemas.missing);
  if ('missing' in customSchemas) return skip(customSchemas.missing);
  const locations = [join(kubernetesSchemas.path, version), customSchemas.path].flatMap((folder) => [
    '-schema-location',
    join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json'),
  ]);
  const options = ['-strict', '-output=json', '-skip', UNKNOWN.join(','), ...locations];
  const child = spawn(kubeconform.path, options);
  child.stdin.end(yaml);
  const { resources } = JSON.parse(await text(child.stdout)) as {
    resources: { kind: string; name: string; status: string; msg: string }[];
  };
  return resources.map(({ kind, name, status, msg }) => `${kind}/${name}: ${status} ${msg}`);
}

// Compiling all schemas of a version takes some seconds.
describe('Kubernetes', { timeout: 60_000 }, () => {
  let all: Promise<string> | undefined;

  it.for(versions.length > 0 ? versions : ['of each version'])(
    '%s accepts what the chart renders',
    async (version, { skip }) => {
      expect(await problems(await (all ??= renderAll()), version, skip)).toEqual([]);
    },
  );

  it.for([
    ['in a core object', { sidecars: [{ name: 'a', image: 'a:1', imagePulPolicy: 'Always' }] }, 'imagePulPolicy'],
    [
      "in an operator's object",
      { metrics: { serviceMonitor: { enabled: true, relabelings: [{ akshun: 'drop' }] } } },
      'akshun',
    ],
  ] as const)('would refuse a misspelt name %s', async ([, values, typo], { skip }) => {
    const { yaml } = await render(values);
    expect(await problems(yaml, versions[0] ?? '', skip)).toEqual([expect.stringContaining(typo)]);
  });
});
