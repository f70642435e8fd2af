import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { render, type Manifests } from './support/helm.ts';
import { readSkaffold, type SkaffoldConfig } from './support/skaffold.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The combinations that skaffold.yaml names. */
const PROFILES: string[][] = [[], ['dev'], ['e2e'], ['production'], ['production', 'spot']];

/** The variables that Skaffold sets for the templates of an image. */
type Image = Readonly<Record<`IMAGE_${'DOMAIN' | 'REPO_NO_DOMAIN' | 'TAG' | 'DIGEST'}`, string>>;

const PUSHED: Image = {
  IMAGE_DOMAIN: 'holdfast',
  IMAGE_REPO_NO_DOMAIN: 'gateway',
  IMAGE_TAG: 'git-v0.1.0-3-gabcdef0',
  IMAGE_DIGEST: `sha256:${'0'.repeat(64)}`,
};

/** On a local cluster the tag is the image's id. */
const NOT_PUSHED: Image = { ...PUSHED, IMAGE_TAG: 'e1'.repeat(32), IMAGE_DIGEST: '' };

/** What Skaffold makes of a template: without a digest it omits an @ at the end. */
function expand(template: string, image: Image): string {
  const expanded = template.replace(/\{\{\.(\w+)\}\}/g, (_, name: string) => {
    if (!Object.hasOwn(image, name)) throw new Error(`Skaffold does not set ${name}`);
    return image[name as keyof Image];
  });
  return expanded.replace(/@$/, '');
}

/** The first item of a list that must have exactly one. */
function only<T>([first, ...others]: readonly T[]): T {
  if (first === undefined || others.length > 0) throw new Error(`expected one, found ${others.length + 1}`);
  return first;
}

/** What Helm renders for the release, with the arguments that Skaffold uses. */
async function deploy(config: SkaffoldConfig, image = PUSHED): Promise<Manifests> {
  const release = only(config.deploy.helm.releases);
  const templates = Object.entries(release.setValueTemplates).map(
    ([path, template]) => [path, expand(template, image)] as const,
  );
  const values = [...Object.entries(release.setValues ?? {}), ...templates];
  return render(
    {},
    {
      release: release.name,
      namespace: release.namespace,
      chart: `${ROOT}/${release.chartPath}`,
      args: [
        ...(release.valuesFiles ?? []).flatMap((path) => ['--values', `${ROOT}/${path}`]),
        ...values.flatMap(([path, value]) => ['--set', `${path}=${value}`]),
      ],
    },
  );
}

/** The chart's value at a path such as `image.tag`; undefined if there is none. */
function chartValue(path: string): unknown {
  const values: unknown = parse(readFileSync(`${ROOT}/charts/holdfast/values.yaml`, 'utf8'));
  return path.split('.').reduce((value, key) => (value as Record<string, unknown> | undefined)?.[key], values);
}

describe.each(PROFILES.map((profiles) => ({ profiles, name: profiles.join(',') || 'none' })))(
  'skaffold.yaml, profiles: $name',
  ({ profiles }) => {
    const config = readSkaffold(...profiles);
    const artifact = only(config.build.artifacts);
    const release = only(config.deploy.helm.releases);

    it('names files that exist', () => {
      const { dockerfile, target } = artifact.docker;
      const jobs = config.verify.map(({ executionMode }) => executionMode.kubernetesCluster.jobManifestPath);
      for (const path of [dockerfile, `${release.chartPath}/Chart.yaml`, ...(release.valuesFiles ?? []), ...jobs]) {
        expect(existsSync(`${ROOT}/${path}`), path).toBe(true);
      }
      if (target !== undefined) expect(readFileSync(`${ROOT}/${dockerfile}`, 'utf8')).toContain(` AS ${target}\n`);
    });

    it('sets values that exist in the chart', () => {
      const paths = Object.keys({ ...release.setValueTemplates, ...release.setValues });
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths) expect(chartValue(path), path).toBeDefined();
    });

    it.each([
      ['by its tag and digest if it was pushed', PUSHED, `:${PUSHED.IMAGE_TAG}@${PUSHED.IMAGE_DIGEST}`],
      [
        'whose tag consists of digits, likewise',
        { ...PUSHED, IMAGE_TAG: '20261128' },
        `:20261128@${PUSHED.IMAGE_DIGEST}`,
      ],
      ['by its id if it was not', NOT_PUSHED, `:${NOT_PUSHED.IMAGE_TAG}`],
    ])('deploys the image that it builds %s', async (_, built, reference) => {
      const { deployment } = await deploy(config, built);
      // Skaffold finds the container of an artifact by this reference, to sync files and to follow logs.
      expect(deployment.spec.template.spec.containers[0].image).toBe(`${artifact.image}${reference}`);
    });

    it('verifies the deployed release', async () => {
      const manifests = await deploy(config);
      const { container: test, executionMode } = only(config.verify);
      const args = Object.fromEntries(test.args.map((arg) => arg.replace('--', '').split('=', 2)));
      expect(manifests.get('Service', new URL(args.url).hostname).spec.ports[0].port).toBe(80);
      expect(manifests.get('Service', args.pods).spec.clusterIP).toBe('None');
      expect(test.image).toBe(artifact.image);
      const { replicas } = manifests.deployment.spec;
      expect(Number(args['expect-pods'] ?? 1)).toBe(replicas);

      const job = parse(readFileSync(`${ROOT}/${executionMode.kubernetesCluster.jobManifestPath}`, 'utf8'));
      expect(job.metadata).toMatchObject({ namespace: release.namespace, labels: expect.any(Object) });
      const { containers, volumes } = job.spec.template.spec;
      expect(containers[0]).toMatchObject({ name: test.name, image: artifact.image });
      const mounted = volumes[0].projected.sources.map(({ secret }: { secret: { name: string } }) => secret.name);
      const used = manifests.deployment.spec.template.spec.volumes
        .flatMap(
          ({ projected }: { projected?: { sources: { secret: { name: string } }[] } }) => projected?.sources ?? [],
        )
        .map(({ secret }: { secret: { name: string } }) => secret.name);
      const withKeys = new Set(used.filter((name: string) => name !== 'holdfast-redis' && name !== 'holdfast-broker'));
      expect(withKeys.size).toBe(1);
      for (const name of withKeys) expect(mounted).toContain(name);
    });
  },
);

describe('the images', () => {
  it('are pushed to remote clusters, and never to a local one except for production', () => {
    // Skaffold decides by the name of the kubectl context if this is not set.
    for (const profiles of PROFILES) {
      expect(readSkaffold(...profiles).build.local.push).toBe(profiles.includes('production') ? true : undefined);
    }
  });

  it('have tags that Helm never reads as a number, also of a commit such as 1234567', () => {
    const { prefix = '' } = readSkaffold().build.tagPolicy?.gitCommit ?? {};
    expect(prefix).toMatch(/^[A-Za-z][\w.-]*$/);
  });
});

describe('the inner loop', () => {
  const config = readSkaffold('dev');
  const artifact = only(config.build.artifacts);

  it('is what `skaffold dev` runs', () => {
    const profile = readSkaffold().profiles.find(({ name }) => name === 'dev');
    expect(profile?.activation).toEqual([{ command: 'dev' }]);
  });

  it("syncs the sources of the gateway and its dependencies to the image's folders", () => {
    for (const { src, dest } of artifact.sync?.manual ?? []) {
      const files = globSync(src, { cwd: ROOT });
      expect(files.length, src).toBeGreaterThan(0);
      // Paths below the context are kept below it.
      expect(dest).toBe('/app');
    }
    expect(readFileSync(`${ROOT}/Dockerfile`, 'utf8')).toContain('WORKDIR /app');
  });

  it('allows files to be written, and forwards port 8000', async () => {
    const manifests = await deploy(config);
    const [container] = manifests.deployment.spec.template.spec.containers;
    expect(container.securityContext.readOnlyRootFilesystem).toBe(false);
    expect(container.resources.limits.memory).toBe('768Mi');
    const forward = only(config.portForward ?? []);
    expect(forward).toMatchObject({ localPort: 8000, resourceType: 'service' });
    const service = manifests.get('Service', forward.resourceName);
    expect(service.spec.ports[0].port).toBe(forward.port);
  });
});
