import { v1, type PullRequest, type PullResponse, type ReceivedMessage, type grpc } from './protocol.js';

/** Messages that were acknowledged and may be delivered again. */
const REMEMBERED = 2_000;

export type PullCall = grpc.ServerDuplexStream<PullRequest, PullResponse>;

interface Item {
  readonly id: number;
  readonly message: ReceivedMessage;
  /** When it can be delivered, as {@link performance.now}. */
  readonly due: number;
  state: 'waiting' | 'delivered' | 'acknowledged';
  /** On which it was delivered last. */
  stream: PullCall | undefined;
}

export interface FakeSubscriptionOptions {
  /** ms after which what was delivered and not acknowledged is delivered again. */
  readonly ackDeadline: number;
  /** ms by which a message is late; called for each. */
  readonly lag: () => number;
}

/**
 * What one subscription does with the messages of its topic, as the documentation says: messages of an ordering key come in order, and
 * on one stream until they are acknowledged. If one of them is delivered again, so is everything of that key that came after it,
 * acknowledged or not.
 *
 * https://cloud.google.com/pubsub/docs/ordering
 */
export class FakeSubscription {
  /** Of its topic, until that is deleted. */
  isAttached = true;
  readonly #options: FakeSubscriptionOptions;
  readonly #streams = new Set<PullCall>();
  #items: Item[] = [];
  #ids = 0;
  #isHeld = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly name: string,
    readonly topic: string,
    options: FakeSubscriptionOptions,
  ) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#streams.size > 0;
  }

  /** Messages that were not delivered yet. */
  get waiting(): readonly ReceivedMessage[] {
    return this.#items.filter(({ state }) => state === 'waiting').map(({ message }) => message);
  }

  add(message: ReceivedMessage): void {
    this.#ids += 1;
    const before = this.#items.findLast((item) => item.message.orderingKey === message.orderingKey);
    const due = Math.max(performance.now() + this.#options.lag(), before?.due ?? 0);
    this.#items.push({ id: this.#ids, message, due, state: 'waiting', stream: undefined });
    this.deliver();
  }

  /** Delivers nothing until {@link release}. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.deliver();
  }

  attach(call: PullCall): void {
    this.#streams.add(call);
    this.deliver();
  }

  /** The stream has ended: what was delivered on it and not acknowledged comes again. */
  detach(call: PullCall): void {
    if (!this.#streams.delete(call)) return;
    const isLost = ({ state, stream }: Item): boolean => state === 'delivered' && stream === call;
    setTimeout(() => this.redeliver(isLost), this.#options.ackDeadline).unref();
  }

  acknowledge(ackIds: readonly string[]): void {
    const ids = new Set(ackIds.map(Number));
    let hasUnblocked = false;
    for (const item of this.#items) {
      if (!ids.has(item.id) || item.state !== 'delivered') continue;
      item.state = 'acknowledged';
      hasUnblocked ||= item.stream !== undefined && !this.#streams.has(item.stream);
    }
    if (hasUnblocked) this.deliver();
    const excess = this.#items.length - REMEMBERED;
    if (excess <= 0) return;
    this.#items = this.#items.filter(({ state }, index) => index >= excess || state !== 'acknowledged');
  }

  /** Delivers the messages that match again, and everything after them that has the same ordering key. */
  redeliver(matches: (item: Item) => boolean): void {
    const keys = new Set<string>();
    for (const item of this.#items) {
      const { orderingKey } = item.message;
      if (item.state === 'waiting' || (!keys.has(orderingKey) && !matches(item))) continue;
      keys.add(orderingKey);
      item.state = 'waiting';
    }
    this.deliver();
  }

  /** Delivers the latest messages again. */
  repeat(count: number): void {
    const latest = new Set(this.#items.filter(({ state }) => state !== 'waiting').slice(-count));
    this.redeliver((item) => latest.has(item));
  }

  /** Loses what was not delivered yet, as by `gcloud pubsub subscriptions seek`. */
  purge(): void {
    this.#items = this.#items.filter(({ state }) => state !== 'waiting');
  }

  end(code: grpc.status, details: string): void {
    for (const call of this.#streams) call.emit('error', Object.assign(new Error(details), { code, details }));
    this.#streams.clear();
  }

  deliver(): void {
    const [call] = this.#streams;
    if (call === undefined || this.#isHeld) return;
    const now = performance.now();
    const blocked = new Set<string>();
    const due: Item[] = [];
    let next = Infinity;
    for (const item of this.#items) {
      const { orderingKey } = item.message;
      if (item.state === 'acknowledged') continue;
      if (item.state === 'delivered') {
        // What comes after it waits until it is acknowledged, or is delivered again.
        if (item.stream !== call && orderingKey !== '') blocked.add(orderingKey);
      } else if (item.due > now) {
        next = Math.min(next, item.due);
        if (orderingKey !== '') blocked.add(orderingKey);
      } else if (!blocked.has(orderingKey)) due.push(item);
    }
    clearTimeout(this.#timer);
    if (next < Infinity) this.#timer = setTimeout(() => this.deliver(), Math.max(next - now, 1)).unref();
    if (due.length === 0) return;
    for (const item of due) {
      item.state = 'delivered';
      item.stream = call;
    }
    call.write(
      v1.StreamingPullResponse.fromObject({
        receivedMessages: due.map(({ id, message }) => ({ ackId: `${id}`, message })),
      }),
    );
  }
}
