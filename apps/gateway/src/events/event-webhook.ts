import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundError } from '../outbound/request.js';
import { ThrottledLog } from '../throttled-log.js';
import { messageId, signedPost } from '../webhooks/signed-post.js';

/** ms until a request that failed is sent again, at first and at most. */
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** How long a pod that stops goes on sending what waits, in ms, and how often it tries. */
const FLUSH_WITHIN_MS = 3_000;
const FLUSH_EVERY_MS = 250;

interface WebhookEvent {
  readonly id: string;
  readonly type: EventType;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly data: object;
}

/**
 * Tells a team's backend what happens: in batches, one request at a time, so that events come in order. Whoever tells an
 * event never waits; what the backend does not take within bounds is dropped and counted.
 */
@Injectable()
export class EventWebhook implements OnApplicationShutdown {
  private readonly waiting: WebhookEvent[] = [];
  /** Aborted when this pod stops: nothing waits for others any more. */
  private readonly stopping = new AbortController();
  /** Aborted when everything must have been sent. */
  private readonly timeUp = new AbortController();
  private isFailing = false;
  private readonly log = new ThrottledLog();
  private isFull: (() => void) | undefined;
  private sending: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(EventWebhook.name) private readonly logger: PinoLogger,
  ) {
    metrics.gauge('holdfast_events_waiting', 'Events that wait to be sent to the webhook', () => this.waiting.length);
  }

  /** Whether the backend wants to know of one of these. */
  tells(...types: EventType[]): boolean {
    const { url, types: told } = this.config.webhooks.events;
    return url !== undefined && types.some((type) => told.includes(type));
  }

  /** @param time in ms since the Unix epoch, by the broker's clock. */
  add(type: EventType, time: number, data: object): void {
    if (!this.tells(type)) return;
    const { maxBatch, maxQueued } = this.config.webhooks.events;
    this.waiting.push({ id: messageId(), type, timestamp: new Date(time).toISOString(), data });
    if (this.waiting.length > maxQueued) {
      this.waiting.shift();
      this.dropped(1);
    }
    if (this.waiting.length >= maxBatch) this.isFull?.();
    this.sending ??= this.send().finally(() => (this.sending = undefined));
  }

  /** Sends what waits, for a while. Nothing happens on this pod any more. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    const timer = setTimeout(() => this.timeUp.abort(), FLUSH_WITHIN_MS);
    await this.sending;
    clearTimeout(timer);
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      await this.untilDue();
      await this.deliver(this.waiting.splice(0, this.config.webhooks.events.maxBatch));
    }
  }

  /** Until there is a whole batch, or the first event has waited for long enough. */
  private async untilDue(): Promise<void> {
    const { maxBatch, maxDelay } = this.config.webhooks.events;
    if (this.waiting.length >= maxBatch) return;
    const full = new Promise<void>((resolve) => (this.isFull = resolve));
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.stopping.signal]);
    await Promise.race([full, sleep(maxDelay, undefined, { signal }).catch(() => undefined)]);
    timer.abort();
    this.isFull = undefined;
  }

  /** Sends it until the backend has taken it, or the time is up. */
  private async deliver(events: readonly WebhookEvent[]): Promise<void> {
    const { webhooks } = this.config;
    const { url = '', timeout, retryFor } = webhooks.events;
    const id = messageId();
    const until = performance.now() + retryFor;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await signedPost({
          url,
          secrets: webhooks.secrets.current,
          type: 'events',
          data: { node: this.config.node, events },
          timeout,
          id,
          signal: this.timeUp.signal,
        });
        this.metrics.events.inc({ outcome: 'sent' }, events.length);
        if (this.isFailing) this.logger.info('the event webhook works again');
        this.isFailing = false;
        return;
      } catch (error) {
        const reason = this.reasonOf(error);
        this.metrics.eventRequestsFailed.inc();
        if (!this.isFailing) this.logger.warn({ reason }, 'the event webhook failed: trying again');
        this.isFailing = true;
        const pause = this.pauseAfter(attempt);
        if (this.timeUp.signal.aborted || performance.now() + pause >= until) {
          this.log.write('dropped', (skipped) => {
            this.logger.error({ reason, events: events.length, skipped }, 'events were dropped');
          });
          this.dropped(events.length);
          return;
        }
        const { signal } = this.stopping.signal.aborted ? this.timeUp : this.stopping;
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private pauseAfter(attempt: number): number {
    if (this.stopping.signal.aborted) return FLUSH_EVERY_MS;
    // Pods that failed together do not come again together.
    return Math.min(MIN_BACKOFF_MS * 2 ** attempt, MAX_BACKOFF_MS) * (0.5 + 0.5 * Math.random());
  }

  private reasonOf(error: unknown): string {
    if (error instanceof OutboundError) return error.message;
    this.logger.error({ err: error }, 'events could not be sent');
    return 'an error of the gateway';
  }

  private dropped(count: number): void {
    this.metrics.events.inc({ outcome: 'dropped' }, count);
  }
}
