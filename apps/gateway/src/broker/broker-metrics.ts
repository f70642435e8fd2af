import {
  BROKER,
  type Broker,
  type BrokerStats,
  type FeedStats,
  type LogStats,
  type PartitionStats,
} from '@holdfast/broadcast';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../metrics/metrics.js';
import { BrokerMonitor } from './broker-monitor.js';

/** The value of a label, and that of its series. */
type Sample = readonly [label: string, value: number];

/**
 * The metrics of the broker, read at each scrape. A broker only has those that it can give: on a log there is one series for each
 * partition of it.
 */
@Injectable()
export class BrokerMetrics implements OnModuleInit {
  private reading: Promise<BrokerStats> | undefined;

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.metrics.gauge('holdfast_broker_up', 'Whether the broker can be used', () => Number(this.monitor.isUp));
    this.total('broker_reconnects', 'Lost connections to the broker that were restored', [], ({ reconnects }) => [
      ['', reconnects],
    ]);
    const { memory, log, feed } = await this.broker.stats();
    if (memory !== undefined) this.addMemory();
    if (log !== undefined) this.addLog();
    if (feed !== undefined) this.addFeed(feed);
  }

  private addMemory(): void {
    this.gauge('holdfast_broker_history_bytes', 'Histories in the memory of this pod, approximately', [], (stats) => [
      ['', stats.memory?.bytes ?? 0],
    ]);
    this.gauge('holdfast_broker_history_limit_bytes', 'Limit of holdfast_broker_history_bytes', [], (stats) => [
      ['', stats.memory?.maxBytes ?? 0],
    ]);
  }

  /** The families of a log that apply, without partitions. */
  private addFeed({ isNotified }: FeedStats): void {
    const help = 'Time since this pod has read everything; up to 0.25 s without lag';
    this.gauge(
      'holdfast_broker_lag_seconds',
      help,
      [],
      ofFeed(({ lag }) => seconds(lag)),
    );
    if (isNotified !== undefined) {
      const notified = 'Whether this pod is notified of publications: otherwise it only polls';
      this.gauge(
        'holdfast_broker_notified',
        notified,
        [],
        ofFeed((feed) => Number(feed.isNotified)),
      );
    }
    const read = 'Reads that brought something';
    this.total(
      'broker_entries_read',
      read,
      [],
      ofFeed(({ entriesRead }) => entriesRead),
    );
    this.total(
      'broker_records_read',
      'Records in these reads',
      [],
      ofFeed(({ recordsRead }) => recordsRead),
    );
    const written = 'Statements with which this pod has published';
    this.total(
      'broker_entries_written',
      written,
      [],
      ofFeed(({ entriesWritten }) => entriesWritten),
    );
    const records = 'Publications that this pod has stored';
    this.total(
      'broker_records_written',
      records,
      [],
      ofFeed(({ recordsWritten }) => recordsWritten),
    );
  }

  private addLog(): void {
    this.gauge('holdfast_broker_window_seconds', 'How long publications are kept at most', [], ({ log }) => [
      ['', seconds(log?.window)],
    ]);
    this.gauge(
      'holdfast_broker_partition_up',
      'Whether a partition of the log can be used',
      ['partition'],
      eachPartition(({ problem }) => Number(problem === undefined)),
    );
    this.gauge(
      'holdfast_broker_lag_seconds',
      'Age of the latest entry that this pod has read; up to 6 s without lag',
      ['partition'],
      eachPartition(({ lag }) => seconds(lag)),
    );
    this.gauge(
      'holdfast_broker_lag_entries',
      'Entries on the server that this pod has not read; not with RabbitMQ',
      ['partition'],
      eachPartition(({ unread }) => unread),
    );
    this.gauge(
      'holdfast_broker_snapshot_age_seconds',
      'Time since the latest snapshot in the log',
      ['partition'],
      eachPartition(({ snapshotAge }) => seconds(snapshotAge)),
    );
    this.total(
      'broker_entries_read',
      'Entries of the log that this pod has read',
      ['partition'],
      eachPartition(({ entriesRead }) => entriesRead),
    );
    this.total(
      'broker_records_read',
      'Records in the entries that this pod has read',
      ['partition'],
      eachPartition(({ recordsRead }) => recordsRead),
    );
    this.total(
      'broker_entries_written',
      'Entries that this pod has written, and read back',
      ['partition'],
      eachPartition(({ entriesWritten }) => entriesWritten),
    );
    this.total(
      'broker_records_written',
      'Records that this pod has written, and read back',
      ['partition'],
      eachPartition(({ recordsWritten }) => recordsWritten),
    );
    this.total(
      'broker_interruptions',
      'Times that reading a partition ended and began again',
      ['partition'],
      eachPartition(({ interruptions }) => interruptions),
    );
    this.total(
      'broker_digests_differed',
      'Digests of other pods that differ: the pods did not read the same',
      ['partition'],
      eachPartition(({ digestsDiffered }) => digestsDiffered),
    );
    this.total('broker_log_losses', 'Partitions whose log lost entries for this pod', ['cause'], eachLoss);
  }

  private gauge(name: string, help: string, labelNames: [] | [string], read: (stats: BrokerStats) => Sample[]): void {
    const samples = async (): Promise<Sample[]> => read(await this.stats());
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.metrics.registry],
      async collect() {
        const present = await samples();
        this.reset();
        for (const [label, value] of present) this.set(labelsOf(labelNames, label), value);
      },
    });
  }

  private total(name: string, help: string, labelNames: [] | [string], read: (stats: BrokerStats) => Sample[]): void {
    const samples = async (): Promise<Sample[]> => read(await this.stats());
    new Counter({
      name: `holdfast_${name}_total`,
      help,
      labelNames,
      registers: [this.metrics.registry],
      async collect() {
        const present = await samples();
        this.reset();
        for (const [label, value] of present) this.inc(labelsOf(labelNames, label), value);
      },
    });
  }

  /** Read once for all metrics of a scrape. */
  private async stats(): Promise<BrokerStats> {
    this.reading ??= this.broker.stats().finally(() => (this.reading = undefined));
    return this.reading;
  }
}

function eachPartition(valueOf: (stats: PartitionStats) => number | undefined): (stats: BrokerStats) => Sample[] {
  return ({ log }) =>
    (log?.partitions ?? []).flatMap((stats) => {
      const value = valueOf(stats);
      return value === undefined ? [] : [[String(stats.partition), value] as const];
    });
}

function ofFeed(valueOf: (feed: FeedStats) => number): (stats: BrokerStats) => Sample[] {
  return ({ feed }) => (feed === undefined ? [] : [['', valueOf(feed)]]);
}

function eachLoss({ log }: BrokerStats): Sample[] {
  return Object.entries(log?.losses ?? {});
}

function labelsOf([name]: [] | [string], label: string): Record<string, string> {
  return name === undefined ? {} : { [name]: label };
}

function seconds(ms: LogStats['window'] = 0): number {
  return ms / 1_000;
}
