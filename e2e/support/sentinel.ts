import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { isReady, nameOf } from './cluster.js';
import { execute } from './execute.js';
import type { Namespace } from './namespace.js';
import { REDIS_IMAGE } from './redis.js';

const NAME = 'sentinel';
const LABELS = { app: NAME };
const COUNT = 3;
const READY_WITHIN = 60_000;
const PRIMARY = 'holdfast';

/** Each pod has a server and a sentinel. The first one is the initial primary; after that the sentinels decide. */
const START_SERVER = `
  self=$(hostname).${NAME}
  set -- --port 6379 --dir /data --save '' --replica-announce-ip "$self" --protected-mode no
  case $(hostname) in *-0) ;; *) set -- "$@" --replicaof ${NAME}-0.${NAME} 6379 ;; esac
  exec redis-server "$@"
`;
const START_SENTINEL = `
  cat > /data/sentinel.conf <<END
  port 26379
  dir /data
  protected-mode no
  sentinel resolve-hostnames yes
  sentinel announce-hostnames yes
  sentinel announce-ip $(hostname).${NAME}
  sentinel monitor ${PRIMARY} ${NAME}-0.${NAME} 6379 2
  sentinel down-after-milliseconds ${PRIMARY} 2000
  sentinel failover-timeout ${PRIMARY} 10000
END
  until redis-cli -h ${NAME}-0.${NAME} ping; do sleep 0.2; done
  exec redis-sentinel /data/sentinel.conf
`;

function container(name: string, port: number, script: string): object {
  return {
    name,
    image: REDIS_IMAGE,
    command: ['sh', '-ec', script],
    ports: [{ containerPort: port }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: `${name}-data`, mountPath: '/data' }],
  };
}

/** A primary, two replicas and three sentinels. */
export class SentinelSetUp {
  private constructor(private readonly namespace: Namespace) {}

  static async start(namespace: Namespace): Promise<SentinelSetUp> {
    const { core, apps } = namespace.cluster;
    await core.createNamespacedService({
      namespace: namespace.name,
      body: {
        metadata: { name: NAME },
        spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: LABELS, ports: [{ port: 6379 }] },
      },
    });
    await apps.createNamespacedStatefulSet({
      namespace: namespace.name,
      body: {
        metadata: { name: NAME },
        spec: {
          serviceName: NAME,
          replicas: COUNT,
          podManagementPolicy: 'Parallel',
          selector: { matchLabels: LABELS },
          template: {
            metadata: { labels: LABELS },
            spec: {
              terminationGracePeriodSeconds: 0,
              securityContext: {
                runAsNonRoot: true,
                runAsUser: 999,
                fsGroup: 999,
                seccompProfile: { type: 'RuntimeDefault' },
              },
              containers: [container('redis', 6379, START_SERVER), container('sentinel', 26379, START_SENTINEL)],
              volumes: [
                { name: 'redis-data', emptyDir: {} },
                { name: 'sentinel-data', emptyDir: {} },
              ],
            },
          },
        },
      } as never,
    });
    const setUp = new SentinelSetUp(namespace);
    await setUp.#ready();
    return setUp;
  }

  /** @param wait the number of replicas that must confirm a publish. */
  url(wait: number): string {
    const hosts = Array.from({ length: COUNT }, (_, index) => `${NAME}-${index}.${NAME}:26379`);
    return `redis+sentinel://${hosts.join(',')}/${PRIMARY}?wait=${wait}`;
  }

  /** The primary according to most sentinels. */
  async primary(): Promise<string> {
    const answers = await Promise.all(
      Array.from({ length: COUNT }, async (_, index) => {
        const ask = ['redis-cli', '-p', '26379', 'sentinel', 'get-master-addr-by-name', PRIMARY];
        const answer = await execute(this.namespace, `${NAME}-${index}`, 'sentinel', ask);
        return answer.split('.', 1)[0] ?? '';
      }),
    );
    const primary = answers.find((name) => answers.filter((other) => other === name).length > COUNT / 2);
    return primary ?? '';
  }

  pods(): Promise<V1Pod[]> {
    return this.namespace.cluster.pods(this.namespace.name, `app=${NAME}`);
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_WITHIN;
    for (;;) {
      const pods = await this.pods();
      if (pods.length === COUNT && pods.every((pod) => isReady(pod))) return;
      if (Date.now() > deadline) throw new Error(`the sentinels are not ready: ${pods.map(nameOf).join(', ')}`);
      await sleep(200);
    }
  }
}
