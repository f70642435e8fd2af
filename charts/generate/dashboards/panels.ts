import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' };

/** Selects the pods of the chosen release, like holdfast.metrics.pods in the chart. */
export const PODS = 'namespace="$namespace", pod=~"${deployment}-[a-z0-9]+-[a-z0-9]{5}"';

/** Selects what the recording rules have for the chosen release. */
export const RELEASE = 'namespace="$namespace", deployment="$deployment"';

export interface Query {
  readonly expr: string;
  /** Labels in double braces are replaced by their values. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** One of Grafana's units, such as `s`, `bytes`, `ops`, `percentunit` and `short`. */
  readonly unit: string;
  readonly description?: string;
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** In addition to the data source, the namespace and the Deployment. */
  readonly variables?: readonly dashboard.QueryVariableBuilder[];
  readonly rows: readonly Row[];
}

/** The rate of a counter, by these labels. */
export function rate(metric: string, by: readonly string[] = [], pods = PODS): string {
  return `sum${labels(by)}(rate(${metric}{${pods}}[$__rate_interval]))`;
}

/** A quantile of a histogram, by these labels. */
export function quantile(share: number, histogram: string, by: readonly string[] = [], pods = PODS): string {
  return `histogram_quantile(${share}, ${rate(`${histogram}_bucket`, ['le', ...by], pods)})`;
}

/** The median and the 99th percentile of a histogram. */
export function latencies(histogram: string, pods = PODS): Query[] {
  return [
    { expr: quantile(0.5, histogram, [], pods), legend: 'median' },
    { expr: quantile(0.99, histogram, [], pods), legend: '99th percentile' },
  ];
}

function labels(by: readonly string[]): string {
  return by.length === 0 ? '' : ` by (${by.join(', ')}) `;
}

/** A variable whose values are those of a label. */
export function variable(name: string, label: string, query: string, regex = ''): dashboard.QueryVariableBuilder {
  const builder = new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(DATA_SOURCE)
    .query(query)
    .regex(regex)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged);
  // oxlint-disable-next-line unicorn/no-array-sort -- it is not an array
  return builder.sort(dashboard.VariableSort.AlphabeticalAsc);
}

/** A dashboard as JSON. */
export function build({ uid, title, description, variables = [], rows }: Dashboard): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['holdfast'])
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder('Holdfast')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['holdfast'])
        .includeVars(true)
        .keepTime(true)
        .asDropdown(true),
    )
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(variable('namespace', 'Namespace', 'label_values(holdfast_connections, namespace)'))
    .withVariable(
      variable(
        'deployment',
        'Deployment',
        'label_values(holdfast_connections{namespace="$namespace"}, pod)',
        '/^(.+)-[a-z0-9]+-[a-z0-9]{5}$/',
      ),
    );
  for (const each of variables) builder.withVariable(each);
  let id = 0;
  const nextId = (): number => (id += 1);
  for (const row of rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id(nextId()));
    for (const panel of row.panels) builder.withPanel(timeSeries(panel).id(nextId()));
  }
  return builder.build();
}

function timeSeries({ title, unit, description, queries, stacked = false }: Panel): PanelBuilder {
  const builder = new PanelBuilder()
    .title(title)
    .unit(unit)
    .min(0)
    .datasource(DATA_SOURCE)
    .span(8)
    .height(8)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi));
  if (description !== undefined) builder.description(description);
  if (stacked) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  for (const [index, { expr, legend }] of queries.entries()) {
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCodePoint('A'.charCodeAt(0) + index))
        .expr(expr)
        .legendFormat(legend)
        .range(),
    );
  }
  return builder;
}
