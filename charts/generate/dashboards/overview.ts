import { latencies, PODS, rate, RELEASE, type Dashboard } from './panels.ts';

/** Whether users are served, and what to look at if they are not. */
export const overview: Dashboard = {
  uid: 'holdfast',
  title: 'Holdfast',
  description: 'All pods of a release: objectives, traffic, refusals and resources.',
  rows: [
    {
      title: 'Objectives',
      panels: [
        {
          title: 'Bad events in the last hour',
          unit: 'percentunit',
          description:
            'For each service level objective. Recorded by the rules of the chart: metrics.prometheusRule.enabled.',
          queries: [{ expr: `holdfast:slo_bad:ratio1h{${RELEASE}}`, legend: '{{slo}}' }],
        },
        {
          title: 'Failed publishes and gaps',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_publish_failures_total', ['code']), legend: 'publish: {{code}}' },
            { expr: rate('holdfast_gaps_total'), legend: 'gaps' },
          ],
        },
        {
          title: 'Clients of pods that stop',
          unit: 'short',
          description: 'Each pod counts those of all pods.',
          queries: [
            {
              expr: `max by (outcome) (increase(holdfast_drained_clients_total{${PODS}}[$__rate_interval]))`,
              legend: '{{outcome}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Traffic',
      panels: [
        {
          title: 'Connections by pod',
          unit: 'short',
          stacked: true,
          queries: [{ expr: `sum by (pod) (holdfast_connections{${PODS}})`, legend: '{{pod}}' }],
        },
        {
          title: 'Messages',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_published_total'), legend: 'published' },
            { expr: rate('holdfast_messages_out_total'), legend: 'delivered to subscribers' },
          ],
        },
        {
          title: 'Clients, subscriptions and channels',
          unit: 'short',
          description: 'A channel counts once for each pod that has subscribers.',
          queries: [
            { expr: `sum(holdfast_clients{${PODS}})`, legend: 'clients' },
            { expr: `sum(holdfast_subscriptions{${PODS}})`, legend: 'subscriptions' },
            { expr: `sum(holdfast_channels{${PODS}})`, legend: 'channels' },
          ],
        },
        { title: 'From the publish to the store', unit: 's', queries: latencies('holdfast_publish_seconds') },
        { title: 'From the store to the subscribers', unit: 's', queries: latencies('holdfast_delivery_seconds') },
        {
          title: 'Closed connections',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_closes_total', ['code']), legend: 'code {{code}}' },
            { expr: rate('holdfast_slow_consumers_total'), legend: 'slow consumers' },
            { expr: rate('holdfast_dead_peers_total'), legend: 'unanswered pings' },
          ],
        },
      ],
    },
    {
      title: 'Refusals',
      panels: [
        {
          title: 'Refused upgrades and tokens',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_refused_upgrades_total', ['code']), legend: 'upgrade: {{code}}' },
            { expr: rate('holdfast_refused_tokens_total', ['reason']), legend: 'token: {{reason}}' },
          ],
        },
        {
          title: 'Refused requests',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_refused_requests_total', ['event', 'code']), legend: '{{event}}: {{code}}' },
            { expr: rate('holdfast_bad_frames_total', ['code']), legend: 'invalid frame: {{code}}' },
          ],
        },
        {
          title: 'Exceeded limits',
          unit: 'ops',
          queries: [{ expr: rate('holdfast_limited_total', ['limit']), legend: '{{limit}}' }],
        },
      ],
    },
    {
      title: 'Backend',
      panels: [
        {
          title: 'Authorization webhook',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_authorizations_total', ['action', 'outcome']), legend: '{{action}}: {{outcome}}' },
          ],
        },
        {
          title: 'RPC webhook',
          unit: 'ops',
          queries: [{ expr: rate('holdfast_rpcs_total', ['outcome']), legend: '{{outcome}}' }],
        },
        {
          title: 'Event webhook',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_events_total', ['outcome']), legend: 'events: {{outcome}}' },
            { expr: rate('holdfast_event_requests_failed_total'), legend: 'failed requests' },
          ],
        },
      ],
    },
    {
      title: 'Resources by pod',
      panels: [
        {
          title: 'CPU',
          unit: 'short',
          description: 'In cores.',
          queries: [{ expr: rate('process_cpu_seconds_total', ['pod']), legend: '{{pod}}' }],
        },
        {
          title: 'Memory',
          unit: 'percentunit',
          description: 'Share of the memory limit.',
          queries: [{ expr: `max by (pod) (holdfast_memory_share{${PODS}})`, legend: '{{pod}}' }],
        },
        {
          title: 'Event loop delay',
          unit: 's',
          queries: [{ expr: `max by (pod) (holdfast_event_loop_delay_seconds{${PODS}})`, legend: '{{pod}}' }],
        },
      ],
    },
  ],
};
