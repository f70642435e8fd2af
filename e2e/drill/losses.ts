import { setTimeout as sleep } from 'node:timers/promises';
import { nameOf } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { NODE_PORT_SERVICE, type Scene } from '../support/scene.js';
import { CHART, type Values } from '../support/release.js';
import { backUp, restore } from './backup.js';
import type { Loss } from './loss.js';

const SECRETS = ['secret', '--selector=app.kubernetes.io/instance=holdfast'];
const BROKER = 'app.kubernetes.io/instance=holdfast,app.kubernetes.io/component=redis';

/** For how long there is no node. */
const WITHOUT_NODES_MS = 15_000;
const GONE_WITHIN_MS = 120_000;

/** Deletes pods at once, as if their nodes were gone. */
async function kill(namespace: string, ...pods: readonly string[]): Promise<void> {
  await kubectl(['delete', 'pod', '--namespace', namespace, '--grace-period=0', '--force', ...pods]);
}

async function nodesOf({ cluster }: Scene): Promise<string[]> {
  return (await cluster.core.listNode()).items.map((node) => nameOf(node));
}

function lostBroker(): Loss {
  return {
    name: 'the broker, with its data',
    recovery: '',
    gap: true,
    async lose({ release }) {
      await kill(release.namespace.name, `--selector=${BROKER}`);
    },
  };
}

function lostSecrets(): Loss {
  let secrets = '';
  return {
    name: 'the Secrets of the release',
    recovery: '`kubectl apply` of their backup',
    gap: false,
    async save({ release }) {
      secrets = await backUp(release.namespace.name, ...SECRETS);
    },
    async lose({ release }) {
      await kubectl(['delete', '--namespace', release.namespace.name, ...SECRETS]);
      // Running pods have what they need. The Secrets are missed when a pod has to start.
      const [pod] = await release.podNames();
      await release.stop(pod ?? '');
      await release.gone(pod ?? '');
    },
    async recover({ release }) {
      await restore(release.namespace.name, secrets);
    },
  };
}

function lostNamespace(): Loss {
  let own = '';
  let secrets = '';
  let others = '';
  let values: Values = {};
  return {
    name: 'the namespace, with everything in it',
    recovery: 'create it, `kubectl apply` of the backup of the Secrets, `helm upgrade --install` with the same values',
    gap: true,
    async save({ release, routes }) {
      const { name } = release.namespace;
      own = await backUp('default', 'namespace', name);
      secrets = await backUp(name, ...SECRETS);
      // What the suite has beside the release.
      const ingresses = routes.all.slice(1).map((route) => `ingress/${release.name}-${route.name}`);
      others = await backUp(name, `service/${NODE_PORT_SERVICE}`, ...ingresses);
      values = JSON.parse(await release.helm(['get', 'values', release.name, '--output=json'])) as Values;
    },
    async lose({ release, cluster }) {
      const { name } = release.namespace;
      await kubectl(['delete', 'namespace', name, '--wait=false']);
      await kill(name, '--all');
      const deadline = Date.now() + GONE_WITHIN_MS;
      const fieldSelector = `metadata.name=${name}`;
      while ((await cluster.core.listNamespace({ fieldSelector })).items.length > 0) {
        if (Date.now() > deadline) throw new Error(`namespace ${name} is not gone after ${GONE_WITHIN_MS} ms`);
        await sleep(250);
      }
    },
    async recover({ release }) {
      await restore('default', own);
      await restore(release.namespace.name, secrets);
      await release.helm(['upgrade', release.name, CHART, '--install', '--wait', '--timeout=120s'], values);
      await restore(release.namespace.name, others);
    },
  };
}

function lostNodes(): Loss {
  return {
    name: `all nodes, for ${WITHOUT_NODES_MS / 1_000} s`,
    recovery: '',
    gap: true,
    async lose(scene) {
      const nodes = await nodesOf(scene);
      try {
        await kubectl(['cordon', ...nodes]);
        await kill(scene.release.namespace.name, '--all');
        await sleep(WITHOUT_NODES_MS);
      } finally {
        await kubectl(['uncordon', ...nodes]);
      }
    },
  };
}

export const LOSSES: readonly Loss[] = [lostBroker(), lostSecrets(), lostNodes(), lostNamespace()];
