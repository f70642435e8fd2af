import { parse, parseAllDocuments } from 'yaml';
import { CHART, type Release } from './release.js';

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}

interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** An expression of a rule or a dashboard. */
export interface Expression {
  readonly place: string;
  readonly expr: string;
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly { readonly title?: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** What the chart renders for the Prometheus and the Grafana of a release. */
export interface Monitoring {
  readonly groups: readonly Group[];
  readonly rules: readonly Rule[];
  /** The expressions of all panels, with variables. */
  readonly panels: readonly Expression[];
}

export async function monitoringOf(release: Release): Promise<Monitoring> {
  const templates = ['prometheusrule', 'dashboard'].flatMap((name) => ['--show-only', `templates/${name}.yaml`]);
  const text = await release.helm(['template', release.name, CHART, ...templates], {
    metrics: { prometheusRule: { enabled: true }, dashboard: { enabled: true } },
  });
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Record<string, unknown>);
  const { spec } = objects.find(({ kind }) => kind === 'PrometheusRule') as { spec: { groups: Group[] } };
  const { data } = objects.find(({ kind }) => kind === 'ConfigMap') as { data: Record<string, string> };
  const dashboards = Object.values(data).map((json) => parse(json) as Dashboard);
  return {
    groups: spec.groups,
    rules: spec.groups.flatMap(({ rules }) => rules),
    panels: dashboards.flatMap(({ title, panels }) =>
      panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => ({ place: `${title}, ${panel.title}`, expr }))),
    ),
  };
}

/** The conditions of the alerts; those of two alerts with one name are one. */
export function alertsIn(rules: readonly Rule[]): Record<string, string> {
  const named: Record<string, string> = {};
  for (const { alert, expr } of rules) {
    if (alert !== undefined) named[alert] = named[alert] === undefined ? expr : `(${named[alert]}) or (${expr})`;
  }
  return named;
}

/** An expression of a dashboard as Grafana sends it. */
export function withVariables(expr: string, variables: Readonly<Record<string, string>>): string {
  return expr.replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`unknown variable ${name} in ${expr}`);
    return value;
  });
}

/** The series that an expression reads, each as a selector. Those of an alert have data, although the alert itself has none. */
export function selectorsIn(expr: string): string[] {
  return [...new Set(expr.match(/\b[a-z][\w:]*\{(?:"[^"]*"|[^"{}])*\}/g))];
}
