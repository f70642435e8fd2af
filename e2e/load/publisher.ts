import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '@holdfast/protocol';
import type { Acknowledged, Numbered } from './journal.js';

/** The time limit for the response to a publish, in ms: the gateway guarantees one within 2 s. */
const ANSWER_WITHIN = 5_000;
/** The delay before an unacknowledged publish is repeated, in ms. */
const RETRY_AFTER = 100;

/** The gateway will never accept the message, so repeating it is useless. */
class RefusedError extends Error {}

export interface PublisherOptions {
  /** The URL of the HTTP API, `http://HOST/api`. */
  readonly api: string;
  readonly apiKey: string;
  readonly channels: readonly string[];
  /** The time between two messages, in ms. */
  readonly pause: number;
}

/** A backend that publishes numbered messages through the HTTP API, and repeats each with its key until it is acknowledged. */
export class Publisher {
  readonly acknowledged: Acknowledged[] = [];
  /** The number of responses by status, or of broken connections. */
  readonly answers: Record<string, number> = {};
  /** The number of messages whose first attempt failed, by response: a caller without retries would have lost them. */
  readonly failedFirst: Record<string, number> = {};
  /** The longest time to a response, in ms. */
  slowestAnswer = 0;
  /** Whether it is paused. */
  resting = false;
  readonly #options: PublisherOptions;
  readonly #name: string;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(name: string, options: PublisherOptions) {
    this.#name = name;
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the current message is acknowledged. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { channels, pause } = this.#options;
    let next = performance.now();
    for (let count = 1; !this.#stop.signal.aborted; count += 1) {
      const channel = channels[count % channels.length];
      if (channel === undefined) throw new Error('a publisher needs channels');
      if (!this.resting) await this.#publish(channel, { text: `${this.#name} ${count}`, at: Date.now() });
      next = Math.max(performance.now(), next + pause);
      await sleep(Math.max(0, next - performance.now()), undefined, { signal: this.#stop.signal }).catch(
        () => undefined,
      );
    }
  }

  async #publish(channel: string, data: Numbered): Promise<void> {
    const body = JSON.stringify({ channel, data, key: data.text });
    for (let isFirst = true; ; isFirst = false) {
      const position = await this.#post(body, isFirst);
      if (position !== undefined) {
        this.acknowledged.push({ channel, text: data.text, epoch: position.epoch, offset: position.offset });
        return;
      }
      await sleep(RETRY_AFTER);
    }
  }

  async #post(body: string, isFirst: boolean): Promise<Position | undefined> {
    const asked = performance.now();
    let answer = 'broken';
    try {
      const response = await fetch(`${this.#options.api}/publish`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${this.#options.apiKey}`, 'Content-Type': 'application/json' },
        body,
        signal: AbortSignal.timeout(ANSWER_WITHIN),
      });
      answer = String(response.status);
      if (response.ok) return (await response.json()) as Position;
      if (response.status < 500 && response.status !== 429) throw new RefusedError(await response.text());
      await response.body?.cancel();
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      // A pod that dies breaks its connections; a retry shows whether it stored the message.
      if (error instanceof DOMException && error.name === 'TimeoutError') answer = 'timeout';
    } finally {
      this.answers[answer] = (this.answers[answer] ?? 0) + 1;
      if (isFirst && answer !== '200') this.failedFirst[answer] = (this.failedFirst[answer] ?? 0) + 1;
      this.slowestAnswer = Math.max(this.slowestAnswer, performance.now() - asked);
    }
    return undefined;
  }
}
