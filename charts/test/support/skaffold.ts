import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

// The rules of https://skaffold.dev/docs/references/yaml/?version=v4beta13 for the parts that skaffold.yaml uses: every object
// is closed, so that unknown names are found.

const strings = z.array(z.string());
/** Keys are paths into the chart's values. */
const valuePaths = z.record(z.string(), z.union([z.string(), z.boolean(), z.number()]));

const artifact = z.strictObject({
  image: z.string(),
  context: z.string().optional(),
  docker: z.strictObject({
    dockerfile: z.string(),
    target: z.string().optional(),
    buildArgs: z.record(z.string(), z.string()).optional(),
  }),
  sync: z
    .strictObject({
      manual: z.array(z.strictObject({ src: z.string(), dest: z.string(), strip: z.string().optional() })),
    })
    .optional(),
});

const release = z.strictObject({
  name: z.string(),
  chartPath: z.string(),
  namespace: z.string(),
  createNamespace: z.boolean().optional(),
  valuesFiles: strings.optional(),
  setValues: valuePaths.optional(),
  setValueTemplates: z.record(z.string(), z.string()),
});

const verifyTest = z.strictObject({
  name: z.string(),
  timeout: z.int().optional(),
  container: z.strictObject({
    name: z.string(),
    image: z.string(),
    command: strings.optional(),
    args: strings,
    env: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
  }),
  executionMode: z.strictObject({
    kubernetesCluster: z.strictObject({ jobManifestPath: z.string(), overrides: z.string().optional() }),
  }),
});

const portForward = z.strictObject({
  resourceType: z.string(),
  resourceName: z.string(),
  namespace: z.string().optional(),
  port: z.union([z.string(), z.int()]),
  address: z.string().optional(),
  localPort: z.int().optional(),
});

const patch = z.strictObject({
  op: z.enum(['add', 'remove', 'replace']),
  path: z.string(),
  value: z.unknown().optional(),
});

const pipeline = {
  build: z.strictObject({
    artifacts: z.array(artifact),
    tagPolicy: z.strictObject({ gitCommit: z.strictObject({ prefix: z.string().optional() }) }).optional(),
    platforms: strings.optional(),
    local: z.strictObject({ push: z.boolean().optional(), useBuildkit: z.boolean().optional() }),
  }),
  deploy: z.strictObject({
    statusCheckDeadlineSeconds: z.int().optional(),
    helm: z.strictObject({ releases: z.array(release) }),
  }),
  verify: z.array(verifyTest),
  portForward: z.array(portForward).optional(),
};

const configSchema = z.strictObject({
  apiVersion: z.literal('skaffold/v4beta13'),
  kind: z.literal('Config'),
  metadata: z.strictObject({ name: z.string() }),
  ...pipeline,
  profiles: z.array(
    z.strictObject({
      name: z.string(),
      activation: z.array(z.strictObject({ command: z.string() })).optional(),
      patches: z.array(patch).optional(),
      portForward: pipeline.portForward,
    }),
  ),
});

export type SkaffoldConfig = z.output<typeof configSchema>;

/** skaffold.yaml with these profiles, validated both before and after they are applied. */
export function readSkaffold(...profiles: readonly string[]): SkaffoldConfig {
  const config = configSchema.parse(parse(readFileSync(new URL('../../../skaffold.yaml', import.meta.url), 'utf8')));
  let result: unknown = config;
  for (const name of profiles) {
    const profile = config.profiles.find((candidate) => candidate.name === name);
    if (profile === undefined) throw new Error(`unknown profile ${name}`);
    result = structuredClone(result);
    for (const each of profile.patches ?? []) apply(each, result);
    if (profile.portForward !== undefined) result = { ...(result as object), portForward: profile.portForward };
  }
  return configSchema.parse(result);
}

/** Applies one operation of RFC 6902. Its target must exist, or for `add` the parent of its target. */
function apply({ op, path, value }: z.output<typeof patch>, document: unknown): void {
  const keys = path.slice(1).split('/');
  const last = keys.pop() ?? '';
  let parent = document as Record<string, unknown>;
  for (const key of keys) {
    const child = parent[key];
    if (typeof child !== 'object' || child === null) throw new Error(`${path}: ${key} does not exist`);
    parent = child as Record<string, unknown>;
  }
  if (op !== 'add' && !(last in parent)) throw new Error(`${path}: ${last} does not exist`);
  if (op === 'remove') delete parent[last];
  else if (Array.isArray(parent) && last === '-') parent.push(value);
  else parent[last] = value;
}
