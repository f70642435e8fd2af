import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { CACHE, type Tool } from './tools.ts';

const run = promisify(execFile);

/** The Go modules that define the operators' objects, and the paths of the definitions. */
const DEFINITIONS = {
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': [
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
  ],
  'github.com/kedacore/keda/v2@v2.21.0': ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  'github.com/external-secrets/external-secrets@v1.3.2': ['config/crds/bases/external-secrets.io_externalsecrets.yaml'],
  'sigs.k8s.io/gateway-api@v1.6.0': ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  'github.com/envoyproxy/gateway@v1.9.1': [
    'charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_backendtrafficpolicies.yaml',
  ],
} as const;

/** The relevant part of an OpenAPI v3 schema. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface CustomResourceDefinition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/**
 * Returns a folder with strict schemas of the objects that the chart renders for operators, named like
 * `servicemonitor-monitoring-v1.json`: from the cache, or built from the operators' modules.
 */
export async function findCustomSchemas(): Promise<Tool> {
  const modules = Object.keys(DEFINITIONS);
  const path = join(CACHE, `custom-schemas-${modules.map((module) => module.split('@v')[1]).join('-')}`);
  if ((await readdir(path).catch(() => [])).length > 0) return { path };
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'download-'));
  try {
    const { stdout } = await run('go', ['mod', 'download', '-json', ...modules], { cwd: folder, maxBuffer: 1_000_000 });
    // The output is a sequence of JSON objects.
    const downloads = JSON.parse(`[${stdout.replaceAll(/^\}\s*^\{/gm, '},{')}]`) as {
      Path: string;
      Version: string;
      Dir: string;
    }[];
    for (const { Path, Version, Dir } of downloads) {
      for (const file of DEFINITIONS[`${Path}@${Version}` as keyof typeof DEFINITIONS]) {
        const definition = parse(await readFile(join(Dir, file), 'utf8')) as CustomResourceDefinition;
        for (const [name, schema] of schemasOf(definition)) {
          await writeFile(join(folder, name), JSON.stringify(schema));
        }
      }
    }
    await rename(folder, path);
  } catch {
    await rm(folder, { recursive: true });
    return { missing: "the operators' definitions could not be had: that takes Go" };
  }
  return { path };
}

function schemasOf({ spec }: CustomResourceDefinition): [name: string, schema: object][] {
  const { group, names, versions } = spec;
  return versions.map(({ name, schema }) => [
    `${names.kind}-${group.split('.')[0]}-${name}.json`.toLowerCase(),
    strict(schema.openAPIV3Schema),
  ]);
}

/** Converts to JSON Schema that refuses unknown properties, which the API server would drop. */
function strict(schema: Schema): object {
  const { properties, additionalProperties, items } = schema;
  const open = additionalProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return {
    ...schema,
    ...(schema['x-kubernetes-int-or-string'] === true ? { type: ['integer', 'string'] } : {}),
    ...(items === undefined ? {} : { items: strict(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, strict(member)])),
          ...(open ? {} : { additionalProperties: false }),
        }),
  };
}
