import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { EXAMPLES, ROOT } from '../../.ci/doc-examples.js';
import { expectSound } from '../checks/sound.js';
import { Cluster, isReady, nameOf } from '../support/cluster.js';
import { command } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { ask } from '../support/http.js';
import { GATEWAY_IMAGE, IMAGE_VALUES } from '../support/images.js';
import { Load } from '../support/load.js';
import { Namespace } from '../support/namespace.js';
import { redis } from '../support/redis.js';
import { merged, type Values } from '../support/release.js';
import { TIMEOUTS } from '../support/scene.js';

const PAGE = 'docs/from-plain-manifests.md';
const FOLDER = 'examples/plain-manifests';
const HOST = 'ws.example.com';
const NAME = 'gateway';
const KEYS = { 'jwt-secret': 'j'.repeat(32), 'api-keys': 'a'.repeat(16) };
const CLIENTS = 200;
/** The number of messages to acknowledge before the change and after it. */
const SOME = 200;

/** Shorter times than the example's, and a port of the nodes, because the cluster's addresses are not reachable from outside. */
const VALUES: Values = {
  ...IMAGE_VALUES,
  timeouts: TIMEOUTS,
  probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
  service: { type: 'NodePort' },
};

interface Container {
  image: string;
  env: { name: string; value?: string }[];
  lifecycle: object;
  readinessProbe: object;
}

let namespace: Namespace;
/** The folder in which the commands run: this repository's files, adapted to the cluster. */
let folder: string;

// A repeated test begins without what the first attempt has installed.
beforeEach(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'plain-manifests');
  folder = mkdtempSync(join(tmpdir(), 'holdfast-plain-manifests-'));
  mkdirSync(join(folder, FOLDER, 'manifests'), { recursive: true });
  symlinkSync(join(ROOT, 'charts'), join(folder, 'charts'));
  for (const path of globSync(`${FOLDER}/**/*.yaml`, { cwd: ROOT })) {
    const object = parse(readFileSync(join(ROOT, path), 'utf8')) as Values;
    writeFileSync(join(folder, path), stringify(adapted(basename(path), object)));
  }
  const config = await command('kubectl', ['config', 'view', '--raw', '--flatten', '--minify']);
  writeFileSync(join(folder, 'kubeconfig'), config, { mode: 0o600 });
  await run(`kubectl config set-context --current --namespace ${namespace.name}`);
  namespace.collectOnFailure();
});

afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

afterAll(() => namespace?.remove());

/** A file of the example, with the images of the cluster, and shorter times. */
function adapted(file: string, object: Values): Values {
  switch (file) {
    case 'values.yaml':
      return merged(object, VALUES);
    case 'service.yaml':
      return merged(object, { spec: { type: 'NodePort' } });
    case 'deployment.yaml': {
      const deployment = structuredClone(object) as unknown as {
        spec: { template: { spec: { containers: [Container]; terminationGracePeriodSeconds: number } } };
      };
      const { spec } = deployment.spec.template;
      const [container] = spec.containers;
      const { preStop, settle, drain, margin } = TIMEOUTS;
      spec.terminationGracePeriodSeconds = preStop + settle + drain + margin;
      container.image = GATEWAY_IMAGE;
      container.lifecycle = { preStop: { sleep: { seconds: preStop } } };
      Object.assign(container.readinessProbe, { initialDelaySeconds: 1, periodSeconds: 2 });
      for (const variable of container.env) {
        if (variable.name === 'HOLDFAST_SETTLE_SECONDS') variable.value = String(settle);
        if (variable.name === 'HOLDFAST_DRAIN_SECONDS') variable.value = String(drain);
      }
      return deployment;
    }
    default:
      return object;
  }
}

/** Runs commands like somebody who reads the page. */
function run(script: string): Promise<string> {
  const input = `set -euo pipefail\ncd ${folder}\nexport KUBECONFIG=${folder}/kubeconfig\n${script}`;
  return command('bash', ['-s'], { input, timeout: 240_000 });
}

async function load(): Promise<Load> {
  const { cluster } = namespace;
  const { spec } = await cluster.core.readNamespacedService({ namespace: namespace.name, name: NAME });
  const [node] = (await cluster.nodes()).values();
  // The class of the example's Ingress.
  const address = inject('ingressClasses').find(({ name }) => name === 'nginx')?.address;
  if (address === undefined) throw new Error('the cluster has no ingress class named nginx');
  const base = `${node}:${spec?.ports?.[0]?.nodePort}`;
  // The gateway answers a request that is not an upgrade.
  await eventually(async () => expect((await fetch(`http://${base}/ws`)).status).toBe(426));
  await eventually(async () => expect(await ask({ address, host: HOST, path: '/ws' })).toEqual([426]));
  return Load.open({
    groups: [
      { kind: 'library', count: CLIENTS * 0.4, url: `ws://${base}/ws`, cookies: false },
      { kind: 'library', count: CLIENTS * 0.5, url: `ws://${HOST}/ws`, address, cookies: true },
      { kind: 'plain', count: CLIENTS * 0.1, url: `ws://${base}/ws`, cookies: false },
    ],
    channels: 20,
    publishers: 2,
    rate: 40,
    api: `http://${base}/api`,
    apiKey: KEYS['api-keys'],
    jwtSecret: KEYS['jwt-secret'],
    clockOffset: 0,
  });
}

describe('from plain manifests to the chart', () => {
  it('the commands of the page lose no message and disconnect nobody', async () => {
    const commands = EXAMPLES.filter(({ page, language }) => page === PAGE && language === 'sh');
    expect(commands.length).toBeGreaterThanOrEqual(6);
    const { core, apps, autoscaling } = namespace.cluster;
    await redis(namespace);
    await core.createNamespacedSecret({
      namespace: namespace.name,
      body: { metadata: { name: 'gateway-keys' }, stringData: { ...KEYS, 'broker-url': 'redis://redis:6379' } },
    });
    await run(`kubectl apply --filename ${FOLDER}/manifests
               kubectl rollout status deployment/${NAME} --timeout=120s`);
    const before = await core.readNamespacedService({ namespace: namespace.name, name: NAME });
    const oldPods = await namespace.cluster.pods(namespace.name, `app=${NAME}`);
    expect(oldPods).toHaveLength(3);

    const clients = await load();
    try {
      await clients.begin();
      await clients.goesOn(SOME);
      for (const { text } of commands) await run(text);
      await clients.goesOn(SOME);
      const { verdict, publishers } = await clients.end([]);
      expectSound(verdict);
      expect(verdict.mostGaps).toBe(0);
      expect(verdict.refusedUpgrades).toEqual({});
      expect(verdict.interruption.library, 'clients with the library are never without a socket').toMatchObject({
        max: 0,
      });
      expect(publishers.failedFirst, 'no publish has to be repeated').toEqual({});
      const moved = Object.keys(verdict.nodes);
      expect(moved.filter((node) => oldPods.some((pod) => nameOf(pod) === node))).toEqual([]);
    } catch (error) {
      mkdirSync(namespace.folder('journals'), { recursive: true });
      await clients.dump(join(namespace.folder('journals'), 'journals.ndjson'));
      throw error;
    } finally {
      await clients.close();
    }

    const after = await core.readNamespacedService({ namespace: namespace.name, name: NAME });
    expect([after.metadata?.uid, after.spec?.clusterIP, after.spec?.ports?.[0]?.nodePort]).toEqual([
      before.metadata?.uid,
      before.spec?.clusterIP,
      before.spec?.ports?.[0]?.nodePort,
    ]);
    const pods = await namespace.cluster.pods(namespace.name, 'app.kubernetes.io/instance=gateway');
    expect(pods.filter((pod) => isReady(pod))).toHaveLength(3);
    const { items: sets } = await apps.listNamespacedReplicaSet({
      namespace: namespace.name,
      labelSelector: `app=${NAME}`,
    });
    expect(sets).toEqual([]);
    const autoscaler = await autoscaling.readNamespacedHorizontalPodAutoscaler({
      namespace: namespace.name,
      name: NAME,
    });
    expect(autoscaler.metadata?.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'Helm' });
  });
});
