import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config, type EventType } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundError } from '../outbound/request.js';
import { messageId, signedPost } from '../outbound/signed-post.js';
import { EventQueue, type QueuedEvent } from './event-queue.js';
import { splitBatch, type Batch } from './split-batch.js';
import { RefusedEvents } from './refused-events.js';
import { EventLog } from '../logging/event-log.js';

/** ms until a failed request is retried, at first and at most. */
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** How long a stopping pod continues to send waiting events, in ms, and how often it tries. */
const FLUSH_WITHIN_MS = 3_000;
const FLUSH_EVERY_MS = 250;

/**
 * After this many failures of a request, its events are tried in parts, to find out whether one of them is the cause.
 * After one failure less if the backend has accepted something lately, in ms.
 */
const SPLIT_AFTER = 3;
const LATELY_MS = 30_000;

/** How many requests it takes at most to see whether the backend accepts anything. */
const PROBES = 8;
const PROBED_OTHERS = 2;

/** How many timeouts of the backend may pass before giving up if nothing is accepted. */
const SPLIT_TIMEOUTS = 3;

/** How many refused parts are sent again between two requests with new events. */
const REFUSED_AT_ONCE = 8;

/** The owner of all events without a known user: of anonymous clients, and of pods that are gone. */
const UNKNOWN_OWNER = '';

/**
 * Sends events to a team's backend: in batches and one request at a time, so that they arrive in order. Adding an event
 * never waits. What the backend does not accept within limits is dropped and counted. If it refuses an event, for
 * whatever reason, others are delayed only until that event is identified.
 */
@Injectable()
export class EventWebhook implements OnApplicationShutdown {
  private readonly waiting: EventQueue;
  private readonly refused: RefusedEvents;
  /** Aborted when this pod stops: from then on nothing waits for more events. */
  private readonly stopping = new AbortController();
  /** Aborted when the time to send events is over. */
  private readonly timeUp = new AbortController();
  private isFailing = false;
  private wake: (() => void) | undefined;
  private sending: Promise<void> | undefined;
  /** On the clock of `performance.now()`. */
  private lastTaken = -Infinity;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    const { maxQueued, retryFor } = config.webhooks.events;
    this.waiting = new EventQueue(maxQueued);
    this.refused = new RefusedEvents(retryFor, (events) => {
      this.log.write('events.refused', { events });
      this.dropped(events);
    });
    metrics.gauge(
      'holdfast_events_waiting',
      'Events waiting to be sent to the event webhook',
      () => this.waiting.size + this.refused.size,
    );
  }

  /** Whether the backend wants any of these. */
  reports(...types: EventType[]): boolean {
    const { url, types: wanted } = this.config.webhooks.events;
    return url !== undefined && types.some((type) => wanted.includes(type));
  }

  /**
   * @param time in ms since the Unix epoch, by the broker's clock.
   * @param user who caused it, if known: users who cause many events lose their own first.
   */
  add(type: EventType, time: number, data: object, user?: string): void {
    if (!this.reports(type)) return;
    const owner = user === undefined ? UNKNOWN_OWNER : `user:${user}`;
    const queued = { owner, event: { id: messageId(), type, timestamp: new Date(time).toISOString(), data } };
    if (owner !== UNKNOWN_OWNER && this.refused.isSuspect(owner)) {
      this.refused.add([queued]);
    } else {
      const dropped = this.waiting.add(queued);
      if (dropped > 0) this.dropped(dropped);
    }
    // Wakes the sender for the first of a batch, and for the last.
    if (this.waiting.size <= 1 || this.waiting.size >= this.config.webhooks.events.maxBatch) this.wake?.();
    this.sending ??= this.send().finally(() => (this.sending = undefined));
  }

  /** Sends what waits, for a limited time. Nothing else happens on this pod any more. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    const timer = setTimeout(() => this.timeUp.abort(), FLUSH_WITHIN_MS);
    await this.sending;
    clearTimeout(timer);
  }

  private async send(): Promise<void> {
    while (this.waiting.size > 0 || this.refused.size > 0) {
      if (this.waiting.size === 0) {
        await this.pause(this.refused.dueIn);
        if (this.waiting.size > 0) continue;
      } else {
        await this.untilDue();
      }
      const events = this.waiting.take(this.config.webhooks.events.maxBatch);
      if (events.length > 0) await this.deliver(events);
      await this.sendRefused();
    }
  }

  /** Waits until a batch is complete, or the first event has waited for long enough. */
  private async untilDue(): Promise<void> {
    const { maxBatch, maxDelay } = this.config.webhooks.events;
    if (this.waiting.size < maxBatch) await this.pause(maxDelay);
  }

  /** Waits until {@link wake} is called, the time is up or the pod stops. */
  private async pause(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.wake = resolve));
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.stopping.signal]);
    await Promise.race([woken, sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined)]);
    timer.abort();
    this.wake = undefined;
  }

  /** Sends events until the backend has accepted them, or the time is up. */
  private async deliver(events: readonly QueuedEvent[]): Promise<void> {
    const until = performance.now() + this.config.webhooks.events.retryFor;
    const id = messageId();
    for (let attempt = 0; ; attempt += 1) {
      const failure = await this.post(events, id);
      if (failure === undefined) {
        if (this.isFailing) this.log.write('events.resumed');
        this.isFailing = false;
        return;
      }
      const reason = failure.message;
      if (!this.isFailing) this.log.write('events.failing', { reason });
      this.isFailing = true;
      const isAlive = performance.now() - this.lastTaken < LATELY_MS;
      const isDue = attempt + 1 >= (isAlive ? SPLIT_AFTER - 1 : SPLIT_AFTER);
      if (isDue && failure.wasSent && (await this.sendInParts(events))) return;
      const pause = this.pauseAfter(attempt);
      if (this.timeUp.signal.aborted || performance.now() + pause >= until) {
        this.log.write('events.dropped', { reason, events: events.length });
        this.dropped(events.length);
        return;
      }
      const { signal } = this.stopping.signal.aborted ? this.timeUp : this.stopping;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Finds out whether the backend accepts parts of what it refused, or events of others. If it accepts nothing, the
   * backend itself is at fault.
   *
   * @returns whether it has accepted any. What it refused is kept for later.
   */
  private async sendInParts(events: readonly QueuedEvent[]): Promise<boolean> {
    const parts = splitBatch(events, PROBES);
    const others = this.waiting.ofOthers(new Set(events.map(({ owner }) => owner)), PROBED_OTHERS);
    const giveUpAt = performance.now() + SPLIT_TIMEOUTS * this.config.webhooks.events.timeout;
    const left = new Set(events);
    let isTaken = false;
    let goesOn = true;
    const probe = async (part: Batch): Promise<void> => {
      if (!goesOn) return;
      const failure = await this.post(part);
      if (failure === undefined) {
        isTaken = true;
        for (const queued of part) if (!left.delete(queued)) this.waiting.remove(queued);
      }
      const isHopeless = !isTaken && performance.now() > giveUpAt;
      goesOn = failure?.wasSent !== false && !isHopeless && !this.timeUp.signal.aborted;
    };
    for (const part of [...others.map((other) => [other]), ...parts]) await probe(part);
    // It may accept only small requests.
    for (const part of isTaken ? [] : parts.slice(-PROBED_OTHERS)) await probe(part.slice(0, 1));
    if (!isTaken) return false;
    for (const part of splitBatch([...left], PROBES)) this.refused.add(part);
    return true;
  }

  private async sendRefused(): Promise<void> {
    const { aborted: isLastTry } = this.stopping.signal;
    const most = isLastTry ? Infinity : REFUSED_AT_ONCE;
    for (let sent = 0; sent < most; sent += 1) {
      const refused = this.timeUp.signal.aborted ? undefined : this.refused.next(isLastTry);
      if (refused === undefined) break;
      const failure = await this.post(refused.batch);
      if (failure === undefined) continue;
      if (isLastTry && refused.batch.length === 1) this.dropped(1);
      else this.refused.refused(refused, failure.wasSent);
      if (!failure.wasSent) break;
    }
    if (isLastTry && (this.timeUp.signal.aborted || this.waiting.size === 0)) this.refused.clear();
  }

  /** @returns why the backend did not accept them; undefined if it did. */
  private async post(events: readonly QueuedEvent[], id = messageId()): Promise<OutboundError | undefined> {
    const { webhooks } = this.config;
    const { url = '', timeout } = webhooks.events;
    try {
      await signedPost({
        url,
        secrets: webhooks.secrets.current,
        type: 'events',
        data: { node: this.config.node, events: events.map(({ event }) => event) },
        timeout,
        id,
        signal: this.timeUp.signal,
      });
      this.metrics.events.inc({ outcome: 'sent' }, events.length);
      this.refused.backendTook();
      this.lastTaken = performance.now();
      return undefined;
    } catch (error) {
      this.metrics.eventRequestsFailed.inc();
      if (error instanceof OutboundError) return error;
      this.log.write('events.send_failed', { err: error });
      return new OutboundError('an internal error');
    }
  }

  private pauseAfter(attempt: number): number {
    if (this.stopping.signal.aborted) return FLUSH_EVERY_MS;
    // So that pods that failed together do not retry together.
    return Math.min(MIN_BACKOFF_MS * 2 ** attempt, MAX_BACKOFF_MS) * (0.5 + 0.5 * Math.random());
  }

  private dropped(count: number): void {
    this.metrics.events.inc({ outcome: 'dropped' }, count);
  }
}
