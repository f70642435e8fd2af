import { latencies, rate, variable, type Dashboard, type Query } from './panels.ts';

const POD = 'namespace="$namespace", pod="$pod"';

function gauge(metric: string, legend: string): Query {
  return { expr: `max(${metric}{${POD}})`, legend };
}

function counter(metric: string, legend: string, by: readonly string[] = []): Query {
  return { expr: rate(metric, by, POD), legend };
}

/** Why one pod is slow, full or refuses something. */
export const pod: Dashboard = {
  uid: 'holdfast-pod',
  title: 'Holdfast pod',
  description: 'One pod: its clients, its latencies, and what its limits are used for.',
  variables: [
    variable(
      'pod',
      'Pod',
      'label_values(holdfast_connections{namespace="$namespace", pod=~"${deployment}-[a-z0-9]+-[a-z0-9]{5}"}, pod)',
    ),
  ],
  rows: [
    {
      title: 'Clients',
      panels: [
        {
          title: 'Connections and clients',
          unit: 'short',
          queries: [gauge('holdfast_connections', 'connections'), gauge('holdfast_clients', 'clients')],
        },
        {
          title: 'Subscriptions and channels',
          unit: 'short',
          queries: [gauge('holdfast_subscriptions', 'subscriptions'), gauge('holdfast_channels', 'channels')],
        },
        {
          title: 'New connections',
          unit: 'short',
          description: 'What has not become a client yet.',
          queries: [
            gauge('holdfast_pending_sockets', 'sockets without a complete request'),
            gauge('holdfast_verifying', 'upgrades being verified'),
          ],
        },
        {
          title: 'Closed connections',
          unit: 'ops',
          queries: [
            counter('holdfast_closes_total', 'code {{code}}', ['code']),
            counter('holdfast_slow_consumers_total', 'slow consumers'),
            counter('holdfast_dead_peers_total', 'unanswered pings'),
          ],
        },
        {
          title: 'Refused upgrades',
          unit: 'ops',
          queries: [counter('holdfast_refused_upgrades_total', '{{code}}', ['code'])],
        },
        {
          title: 'Exceeded limits',
          unit: 'ops',
          queries: [counter('holdfast_limited_total', '{{limit}}', ['limit'])],
        },
      ],
    },
    {
      title: 'Messages',
      panels: [
        {
          title: 'Messages and frames',
          unit: 'ops',
          queries: [
            counter('holdfast_frames_in_total', 'frames received'),
            counter('holdfast_published_total', 'messages published'),
            counter('holdfast_messages_out_total', 'messages delivered'),
            counter('holdfast_conflated_total', 'messages superseded'),
          ],
        },
        { title: 'From the publish to the store', unit: 's', queries: latencies('holdfast_publish_seconds', POD) },
        { title: 'From the store to the subscribers', unit: 's', queries: latencies('holdfast_delivery_seconds', POD) },
      ],
    },
    {
      title: 'Load',
      panels: [
        {
          title: 'CPU',
          unit: 'short',
          description: 'In cores.',
          queries: [counter('process_cpu_seconds_total', 'used')],
        },
        {
          title: 'Event loop',
          unit: 's',
          queries: [
            gauge('holdfast_event_loop_delay_seconds', 'average delay'),
            gauge('nodejs_eventloop_lag_p99_seconds', '99th percentile'),
          ],
        },
        {
          title: 'Overloaded',
          unit: 'short',
          description: '1 while the pod asks clients to go elsewhere, and how many it has asked.',
          queries: [
            gauge('holdfast_overloaded', 'overloaded'),
            counter('holdfast_shed_total', 'clients asked per second'),
          ],
        },
        {
          title: 'Memory',
          unit: 'percentunit',
          queries: [
            gauge('holdfast_memory_share', 'of the memory limit'),
            gauge('holdfast_heap_share', 'of the heap limit, after a collection'),
          ],
        },
        {
          title: 'What its clients hold',
          unit: 'bytes',
          queries: [
            gauge('holdfast_held_bytes', 'clients and channels'),
            gauge('holdfast_held_limit_bytes', 'limit'),
            gauge('holdfast_buffered_bytes', 'waiting to be sent'),
            gauge('holdfast_buffered_limit_bytes', 'limit of what may wait'),
          ],
        },
        {
          title: 'File descriptors',
          unit: 'short',
          queries: [gauge('process_open_fds', 'open'), gauge('process_max_fds', 'limit')],
        },
      ],
    },
  ],
};
