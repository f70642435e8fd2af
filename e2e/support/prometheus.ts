import { stringify } from 'yaml';
import { isReady, nameOf } from './cluster.js';
import { kubectl } from './command.js';
import { eventually } from './eventually.js';
import { PROMETHEUS_IMAGE } from './images.js';
import type { Namespace } from './namespace.js';

const NAME = 'prometheus';
const LABELS = { app: NAME };
const PORT = 9090;

/** What a Prometheus with a login demands. */
export const LOGIN = { username: 'keda', password: 'connections' };
/** bcrypt of the password. */
const PASSWORD_HASH = '$2a$04$eSD2s0U1IKM7KpHyPTVLceU6dIPjmSkVroUXlSy8oNaEZTKCzDK72';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that scrapes every gateway of its namespace each second, with the labels that the Prometheus Operator adds. */
export class Prometheus {
  private constructor(
    private readonly namespace: Namespace,
    readonly pod: string,
  ) {}

  /**
   * @param rules the content of a rule file.
   * @param login whether it demands {@link LOGIN}, which `query` does not have.
   */
  static async start(namespace: Namespace, { rules = '', login = false } = {}): Promise<Prometheus> {
    for (const object of objects(namespace.name, rules, login)) await namespace.cluster.create(object);
    const pod = await eventually(async () => {
      const ready = (await namespace.cluster.pods(namespace.name, `app=${NAME}`)).find((each) => isReady(each));
      if (ready === undefined) throw new Error('Prometheus is not ready');
      return nameOf(ready);
    });
    return new Prometheus(namespace, pod);
  }

  /** The result of a query now. */
  async query(expression: string): Promise<Sample[]> {
    const service = `/api/v1/namespaces/${this.namespace.name}/services/${NAME}:${PORT}/proxy`;
    const path = `${service}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const { data } = JSON.parse(await kubectl(['get', '--raw', path])) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
  }

  /** Which of these expressions have a result now, in one query: each query takes a process. */
  async withResults(named: Readonly<Record<string, string>>): Promise<string[]> {
    const counts = Object.entries(named).map(
      ([name, expr]) => `label_replace(count(${expr}), "name", "${name}", "", "")`,
    );
    return (await this.query(counts.join(' or '))).map(({ metric }) => metric['name'] ?? '');
  }
}

function config(namespace: string): string {
  return stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: [
      {
        job_name: 'gateway',
        kubernetes_sd_configs: [{ role: 'pod', namespaces: { names: [namespace] } }],
        relabel_configs: [
          { action: 'keep', source_labels: ['__meta_kubernetes_pod_container_port_name'], regex: 'management' },
          { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
          { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
        ],
      },
    ],
  });
}

function objects(namespace: string, rules: string, login: boolean): (Record<string, unknown> & { kind: string })[] {
  const metadata = { name: NAME, namespace };
  const basic = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64');
  const authorization = { name: 'Authorization', value: `Basic ${basic}` };
  const web = stringify(login ? { basic_auth_users: { [LOGIN.username]: PASSWORD_HASH } } : {});
  const container = {
    name: NAME,
    image: PROMETHEUS_IMAGE,
    args: [
      '--config.file=/etc/prometheus/prometheus.yml',
      '--web.config.file=/etc/prometheus/web.yml',
      '--storage.tsdb.path=/data',
    ],
    ports: [{ containerPort: PORT }],
    readinessProbe: { httpGet: { path: '/-/ready', port: PORT, httpHeaders: [authorization] }, periodSeconds: 1 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/prometheus' },
      { name: 'data', mountPath: '/data' },
    ],
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: NAME },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace }],
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'prometheus.yml': config(namespace), 'rules.yml': rules, 'web.yml': web },
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: LABELS, ports: [{ port: PORT }] } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: LABELS },
      spec: {
        serviceAccountName: NAME,
        terminationGracePeriodSeconds: 0,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65534,
          fsGroup: 65534,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        containers: [container],
        volumes: [
          { name: 'config', configMap: { name: NAME } },
          { name: 'data', emptyDir: {} },
        ],
      },
    },
  ];
}
