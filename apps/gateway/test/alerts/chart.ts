import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CHART, Manifests } from '../../../../charts/test/support/helm.ts';
import { groupsOf, type Group } from '../../../../charts/test/support/promtool-tests.ts';
import { findTool } from '../../../../charts/test/support/tools.ts';
import type { Panel } from '../../../../e2e/report/dashboard-svg.ts';

const run = promisify(execFile);

const VALUES = [
  'metrics.prometheusRule.enabled=true',
  'metrics.dashboard.enabled=true',
  // A machine that stalls is not the gateway's fault.
  'metrics.prometheusRule.slos.deliveryLatency.seconds=1',
].flatMap((value) => ['--set', value]);

const TEMPLATES = ['prometheusrule', 'dashboard'].flatMap((name) => ['--show-only', `templates/${name}.yaml`]);

export interface Dashboard {
  /** `overview`, `pod` or `broker`. */
  readonly file: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** What the chart renders for Prometheus and Grafana, for a release called holdfast. */
export async function monitoringOf(namespace: string): Promise<{ groups: Group[]; dashboards: Dashboard[] }> {
  const helm = await findTool('helm');
  if ('missing' in helm) throw new Error(helm.missing);
  const args = ['template', 'holdfast', CHART, '--namespace', namespace, ...VALUES, ...TEMPLATES];
  const { stdout } = await run(helm.path, args, { maxBuffer: 10_000_000 });
  const manifests = new Manifests(stdout);
  const dashboards = Object.entries(manifests.get('ConfigMap').data ?? {}).map(([name, json]) => {
    const { title, panels } = JSON.parse(json) as Omit<Dashboard, 'file'>;
    return { file: /-(\w+)\.json$/.exec(name)?.[1] ?? '', title, panels };
  });
  return { groups: groupsOf(manifests), dashboards };
}
