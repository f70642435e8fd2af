import { latencies, PODS, rate, type Dashboard } from './panels.ts';

/** Whether the broker is the cause. What a broker cannot report has no series. */
export const broker: Dashboard = {
  uid: 'holdfast-broker',
  title: 'Holdfast broker',
  description: 'The broker as the pods see it.',
  rows: [
    {
      title: 'All brokers',
      panels: [
        {
          title: 'Pods that can use the broker',
          unit: 'short',
          queries: [
            { expr: `sum(holdfast_broker_up{${PODS}})`, legend: 'can use it' },
            { expr: `count(holdfast_broker_up{${PODS}})`, legend: 'all' },
          ],
        },
        {
          title: 'Restored connections',
          unit: 'short',
          queries: [
            {
              expr: `sum by (pod) (increase(holdfast_broker_reconnects_total{${PODS}}[$__rate_interval]))`,
              legend: '{{pod}}',
            },
          ],
        },
        {
          title: 'Failed publishes and gaps',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_publish_failures_total', ['code']), legend: 'publish: {{code}}' },
            { expr: rate('holdfast_gaps_total'), legend: 'gaps' },
          ],
        },
        { title: 'From the publish to the store', unit: 's', queries: latencies('holdfast_publish_seconds') },
        { title: 'From the store to the subscribers', unit: 's', queries: latencies('holdfast_delivery_seconds') },
        {
          title: 'Rejected data and faults',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_broker_input_rejected_total', ['kind']), legend: 'invalid {{kind}}' },
            { expr: rate('holdfast_plain_messages_refused_total', ['reason']), legend: 'refused message: {{reason}}' },
            { expr: rate('holdfast_broker_faults_total'), legend: 'internal errors' },
            { expr: rate('holdfast_registry_updates_failed_total'), legend: 'failed updates of the registry' },
          ],
        },
      ],
    },
    {
      title: 'Brokers on a log, PostgreSQL and memory',
      panels: [
        {
          title: 'Lag by partition, worst pod',
          unit: 's',
          queries: [{ expr: `max by (partition) (holdfast_broker_lag_seconds{${PODS}})`, legend: '{{partition}}' }],
        },
        {
          title: 'Unread entries by partition, worst pod',
          unit: 'short',
          queries: [{ expr: `max by (partition) (holdfast_broker_lag_entries{${PODS}})`, legend: '{{partition}}' }],
        },
        {
          title: 'Partitions that cannot be used, by pod',
          unit: 'short',
          queries: [{ expr: `count by (pod) (holdfast_broker_partition_up{${PODS}} == 0)`, legend: '{{pod}}' }],
        },
        {
          title: 'Records and entries read, by pod',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_broker_records_read_total', ['pod']), legend: '{{pod}}: records' },
            { expr: rate('holdfast_broker_entries_read_total', ['pod']), legend: '{{pod}}: entries' },
          ],
        },
        {
          title: 'Records and entries written, by pod',
          unit: 'ops',
          queries: [
            { expr: rate('holdfast_broker_records_written_total', ['pod']), legend: '{{pod}}: records' },
            { expr: rate('holdfast_broker_entries_written_total', ['pod']), legend: '{{pod}}: entries' },
          ],
        },
        {
          title: 'Records by partition',
          unit: 'ops',
          queries: [
            {
              expr: `max by (partition) (rate(holdfast_broker_records_read_total{${PODS}}[$__rate_interval]))`,
              legend: '{{partition}}',
            },
          ],
        },
        {
          title: 'Age of the latest snapshot, oldest partition',
          unit: 's',
          queries: [
            { expr: `max by (pod) (holdfast_broker_snapshot_age_seconds{${PODS}})`, legend: '{{pod}}' },
            { expr: `max(holdfast_broker_window_seconds{${PODS}})`, legend: 'window' },
          ],
        },
        {
          title: 'Interruptions and losses',
          unit: 'short',
          queries: [
            {
              expr: `sum(increase(holdfast_broker_interruptions_total{${PODS}}[$__rate_interval]))`,
              legend: 'interruptions',
            },
            {
              expr: `sum by (cause) (increase(holdfast_broker_log_losses_total{${PODS}}[$__rate_interval]))`,
              legend: 'loss: {{cause}}',
            },
            {
              expr: `sum(increase(holdfast_broker_digests_differed_total{${PODS}}[$__rate_interval]))`,
              legend: 'digests that differ',
            },
          ],
        },
        {
          title: 'Histories in the memory of pods',
          unit: 'bytes',
          queries: [
            { expr: `max by (pod) (holdfast_broker_history_bytes{${PODS}})`, legend: '{{pod}}' },
            { expr: `max(holdfast_broker_history_limit_bytes{${PODS}})`, legend: 'limit' },
          ],
        },
        {
          title: 'Pods that only poll',
          unit: 'short',
          description: 'PostgreSQL: pods that are not notified of publications.',
          queries: [{ expr: `sum by (pod) (holdfast_broker_notified{${PODS}} == 0)`, legend: '{{pod}}' }],
        },
      ],
    },
  ],
};
