import { Injectable } from '@nestjs/common';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type Metric,
  type OpenMetricsContentType,
} from 'prom-client';
import { Latency } from './latency.js';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Everything that /metrics shows. Labels have few values: codes and events, never channels or users. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  /** Plain numbers for the delivery path, read when /metrics is scraped. */
  readonly totals = { framesIn: 0, published: 0, messagesOut: 0, conflated: 0, compressedFrom: 0, compressedTo: 0 };

  readonly refusedUpgrades = this.counter('refused_upgrades', 'Refused upgrades', ['code']);
  readonly refusedTokens = this.counter('refused_tokens', 'Refused tokens of clients', ['reason']);
  readonly badFrames = this.counter('bad_frames', 'Frames that are not a valid request', ['code']);
  readonly drainedClients = this.counter(
    'drained_clients',
    'Clients of pods that stopped, which moved to other pods or were closed; every pod counts those of all pods',
    ['outcome'],
  );
  readonly publishFailures = this.counter(
    'publish_failures',
    'Valid publishes that were not stored, or not known to be, because of the broker or an internal error',
    ['code'],
  );
  readonly refusedRequests = this.counter('refused_requests', 'Requests answered with an error', ['event', 'code']);
  readonly closes = this.counter('closes', 'Connections closed by the gateway', ['code']);
  readonly slowConsumers = this.counter('slow_consumers', 'Connections closed because their client read too slowly');
  readonly limited = this.counter(
    'limited',
    'Requests, connections or messages refused or ended because a limit was exceeded',
    ['limit'],
  );
  readonly shed = this.counter('shed', 'Clients asked to reconnect because this pod was overloaded');
  readonly deadPeers = this.counter('dead_peers', 'Connections ended because a ping went unanswered');
  readonly brokerInputRejected = this.counter(
    'broker_input_rejected',
    'Invalid data read from the broker and skipped',
    ['kind'],
  );
  readonly plainRefused = this.counter(
    'plain_messages_refused',
    'Messages that backends published through the broker and that were refused; on a log, every pod counts all of them',
    ['reason'],
  );
  readonly brokerFaults = this.counter('broker_faults', 'Internal errors while handling data from the broker');
  readonly registryUpdatesFailed = this.counter(
    'registry_updates_failed',
    'Updates of the connection registry that failed',
  );
  readonly gaps = this.counter('gaps', 'Gaps reported to the subscribers of a channel because messages were lost');
  readonly keyFetches = this.counter('key_fetches', "Fetches of the token issuer's public keys", ['outcome']);
  readonly authorizations = this.counter('authorizations', 'Requests to the authorization webhook', [
    'action',
    'outcome',
  ]);
  readonly authorizationSeconds = this.histogram(
    'authorization_seconds',
    'Time to an answer of the authorization webhook',
    ['action'],
  );
  readonly rpcs = this.counter('rpcs', 'Calls of clients for the RPC webhook', ['outcome']);
  readonly rpcSeconds = this.histogram('rpc_seconds', 'Time to an answer of the RPC webhook');
  readonly events = this.counter('events', 'Events for the event webhook, sent or dropped', ['outcome']);
  readonly eventRequestsFailed = this.counter('event_requests_failed', 'Failed requests to the event webhook');
  readonly publishSeconds: Latency;
  readonly deliverySeconds: Latency;

  /** @param exemplars whether publishes and deliveries may have a trace. */
  constructor(exemplars = false) {
    this.publishSeconds = this.latency('publish_seconds', 'Time from receiving a publish to storing it', exemplars);
    this.deliverySeconds = this.latency(
      'delivery_seconds',
      'Time from storing a message to delivering it on this pod',
      exemplars,
    );
    // So that the first one counts as an increase.
    for (const outcome of ['moved', 'closed']) this.drainedClients.inc({ outcome }, 0);
    for (const code of ['unavailable', 'unknown', 'internal']) this.publishFailures.inc({ code }, 0);
    this.total('frames_in', 'Frames received', () => this.totals.framesIn);
    this.total('published', 'Messages published through this pod', () => this.totals.published);
    this.total(
      'conflated',
      'Messages not sent to a slow consumer because a later one superseded them',
      () => this.totals.conflated,
    );
    this.total(
      'compression_in_bytes',
      'Bytes of the messages delivered to clients with compression, before it',
      () => this.totals.compressedFrom,
    );
    this.total(
      'compression_out_bytes',
      'Bytes of the messages delivered to clients with compression, as sent',
      () => this.totals.compressedTo,
    );
    this.total('messages_out', 'Messages delivered to subscribers of this pod', () => this.totals.messagesOut);
  }

  /** Adds those of the process. There is no end to their collection. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** The metrics in the format that has exemplars. */
  openMetrics(): Promise<string> {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const metric of this.registry.getMetricsAsArray()) {
      // It removes `_total` from the names of counters, which would change them in the other format as well.
      registry.registerMetric(Object.create(metric) as Metric);
    }
    return registry.metrics();
  }

  /** Adds a gauge that is read when /metrics is scraped. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  private total(name: string, help: string, read: () => number): void {
    new Counter({
      name: `holdfast_${name}_total`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  private counter<Label extends string = never>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name: `holdfast_${name}_total`, help, labelNames, registers: [this.registry] });
  }

  private latency(name: string, help: string, exemplars: boolean): Latency {
    return new Latency(this.registry, { name: `holdfast_${name}`, help, buckets: SECONDS }, exemplars);
  }

  private histogram<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name: `holdfast_${name}`, help, labelNames, buckets: SECONDS, registers: [this.registry] });
  }
}
