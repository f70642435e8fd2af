import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Everything that /metrics shows. Labels have few values: codes and events, never channels or users. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  /** Plain numbers for what is counted on the delivery path; read when somebody asks. */
  readonly totals = { framesIn: 0, published: 0, messagesOut: 0, conflated: 0 };

  readonly refusedUpgrades = this.counter('refused_upgrades', 'Upgrades that were refused', ['code']);
  readonly badFrames = this.counter('bad_frames', 'Frames that are no valid request', ['code']);
  readonly refusedRequests = this.counter('refused_requests', 'Requests that were answered by an error', [
    'event',
    'code',
  ]);
  readonly closes = this.counter('closes', 'Connections that the gateway closed', ['code']);
  readonly slowConsumers = this.counter('slow_consumers', 'Connections closed because their buffer was full');
  readonly limited = this.counter('limited', 'Times that a limit was met', ['limit']);
  readonly shed = this.counter('shed', 'Clients asked to connect elsewhere because of an overload');
  readonly deadPeers = this.counter('dead_peers', 'Connections ended because a ping was not answered');
  readonly brokerInputRejected = this.counter(
    'broker_input_rejected',
    'What was read from the broker, cannot be used and was skipped',
    ['kind'],
  );
  readonly brokerFaults = this.counter('broker_faults', 'Errors of the gateway while it handled what the broker told');
  readonly registryUpdatesFailed = this.counter(
    'registry_updates_failed',
    'Connections whose coming or going the broker could not note at once',
  );
  readonly gaps = this.counter('gaps', 'Times that subscribers of a channel were told of lost messages');
  readonly keyFetches = this.counter('key_fetches', "Fetches of the issuer's public keys", ['outcome']);
  readonly authorizations = this.counter('authorizations', 'Questions to the authorization webhook', [
    'action',
    'outcome',
  ]);
  readonly authorizationSeconds = this.histogram('authorization_seconds', 'How long the authorization webhook took', [
    'action',
  ]);
  readonly events = this.counter('events', 'Events of the webhook', ['outcome']);
  readonly eventRequestsFailed = this.counter('event_requests_failed', 'Requests to the event webhook that failed');
  readonly publishSeconds = this.histogram('publish_seconds', 'From a publish to its being stored');
  readonly deliverySeconds = this.histogram('delivery_seconds', "From a publication's time to its delivery here");

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.total('frames_in', 'Frames received', () => this.totals.framesIn);
    this.total('published', 'Messages stored for a publisher of this pod', () => this.totals.published);
    this.total('conflated', 'Messages that a slow consumer was spared for a later one', () => this.totals.conflated);
    this.total('messages_out', 'Messages handed to subscribers of this pod', () => this.totals.messagesOut);
  }

  /** Adds a gauge that is read when somebody asks. */
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

  private histogram<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name: `holdfast_${name}`, help, labelNames, buckets: SECONDS, registers: [this.registry] });
  }
}
