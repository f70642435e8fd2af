import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { protos } from '@google-cloud/pubsub';
import { Code, codeOf } from './errors.js';
import type { Message } from './message.js';
import type { Session } from './session.js';
import { ACK_DEADLINE } from './subscription.js';

/** ms before a stream that has ended is opened again; doubles up to the longest. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;
/** ms after which a stream counts as one that works. */
const LASTING = 5_000;
/** What the server sends without an acknowledgement. */
const MAX_OUTSTANDING = { messages: 10_000, bytes: 67_108_864 };
/** ms for a stream, which the server ends long before. */
const DAY = 86_400_000;

type Response = protos.google.pubsub.v1.IStreamingPullResponse;
type Received = protos.google.pubsub.v1.IReceivedMessage;
type Stream = ReturnType<Session['subscriber']['streamingPull']>;

/** A message as it was delivered. */
export interface Delivery {
  /** Of ordering. */
  readonly key: string;
  readonly message: Message;
  /** What acknowledges it. */
  readonly ackId: string;
}

export interface PullEvents {
  /** In the order in which the server delivers them. */
  onMessages(deliveries: readonly Delivery[]): void;
  /** The subscription is gone. */
  onGone(): void;
  /** The stream cannot be opened. */
  onFailed(error: unknown): void;
}

/** Receives the messages of a subscription. */
export class Pull {
  /** The same for all streams of the pod: then the server keeps to one of them. */
  readonly #client = randomUUID();
  readonly #session: Session;
  readonly #subscription: string;
  readonly #events: PullEvents;
  readonly #deadline: number;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #stream: Stream | undefined;
  #acks: string[] = [];
  #heard = performance.now();

  /** @param deadline s in which a message has to be acknowledged before it is delivered again. */
  constructor(session: Session, subscription: string, events: PullEvents, deadline = ACK_DEADLINE) {
    this.#deadline = deadline;
    this.#session = session;
    this.#subscription = subscription;
    this.#events = events;
    this.#running = this.#run();
  }

  /** ms since the stream has last delivered anything. */
  get silence(): number {
    return performance.now() - this.#heard;
  }

  /** If the stream has ended meanwhile, it has no effect: the message is delivered again. */
  acknowledge(ackId: string): void {
    const stream = this.#stream;
    if (this.#acks.length === 0) setImmediate(() => this.#flush(stream));
    this.#acks.push(ackId);
  }

  /** Opens another stream: what was not acknowledged is delivered again. */
  restart(): void {
    this.#stream?.cancel();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#stream?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const began = performance.now();
      const error = await this.#open().catch((failure: unknown) => failure);
      if (signal.aborted) return;
      if (codeOf(error) === Code.notFound) {
        this.#events.onGone();
        return;
      }
      if (performance.now() - began > LASTING) pause = FIRST_PAUSE;
      else if (pause > FIRST_PAUSE) this.#events.onFailed(error);
      // Jitter: many pods lose their streams at the same time.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns when the stream has ended, with its error. */
  async #open(): Promise<unknown> {
    return new Promise((resolve) => {
      const stream = this.#session.subscriber.streamingPull({ timeout: DAY });
      this.#stream = stream;
      this.#acks = [];
      const end = (error?: unknown): void => {
        if (this.#stream === stream) this.#stream = undefined;
        resolve(error);
      };
      stream.on('data', (response: Response) => {
        if (this.#stream === stream) this.#receive(response.receivedMessages ?? []);
      });
      stream.on('error', end);
      stream.on('end', end);
      stream.on('close', end);
      stream.write({
        subscription: this.#subscription,
        streamAckDeadlineSeconds: this.#deadline,
        clientId: this.#client,
        maxOutstandingMessages: MAX_OUTSTANDING.messages,
        maxOutstandingBytes: MAX_OUTSTANDING.bytes,
      });
    });
  }

  #receive(received: readonly Received[]): void {
    this.#heard = performance.now();
    this.#session.hear();
    if (received.length > 0) this.#events.onMessages(received.flatMap((one) => deliveryOf(one) ?? []));
  }

  #flush(stream: Stream | undefined): void {
    if (stream === undefined || this.#stream !== stream || this.#acks.length === 0) return;
    const ackIds = this.#acks;
    this.#acks = [];
    stream.write({ ackIds });
  }
}

function deliveryOf({ message, ackId }: Received): Delivery | undefined {
  const { messageId, publishTime, orderingKey, attributes, data } = message ?? {};
  if (typeof messageId !== 'string' || typeof ackId !== 'string') return undefined;
  const time = Number(publishTime?.seconds ?? 0) * 1_000 + Math.floor((publishTime?.nanos ?? 0) / 1_000_000);
  const bytes = typeof data === 'string' ? Buffer.from(data, 'base64') : (data ?? new Uint8Array());
  const received = { id: messageId, time, attributes: attributes ?? {}, data: bytes };
  return { key: orderingKey ?? '', message: received, ackId };
}
