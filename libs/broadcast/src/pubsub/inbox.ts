import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailableError } from '../log/log-adapter.js';
import type { PlainMessage } from '../plain-messages.js';
import { Code, codeOf, unavailable } from './errors.js';
import { PlainAttribute } from './message.js';
import { Pull, type Delivery } from './pull.js';
import { ONCE, type Session } from './session.js';
import { createTopic } from './subscription.js';
import type { PubsubSettings } from './url.js';

/** s in which a pod has to forward a message before it goes to another one. */
const ACK_DEADLINE = 30;
/** s for which messages wait if no pod runs. */
const RETENTION = 86_400;
/** ms for storing a message. */
const FORWARD_WITHIN = 3_000;
/** ms before the next attempt after a failure. */
const PAUSE = 500;

/** Stores a message in the partition of its channel. Rejects if it may not have been stored. */
export type Forward = (message: PlainMessage, signal: AbortSignal) => Promise<void>;

/**
 * Moves the messages of backends into the log: they do not know the partitions. All pods share one subscription, and forward the messages
 * of a channel one after the other.
 */
export class Inbox {
  readonly #settings: PubsubSettings;
  readonly #forward: Forward;
  /** What is under way for each channel. */
  readonly #queues = new Map<string, Promise<void>>();
  #session: Session | undefined;
  #pull: Pull | undefined;
  /** Changes when everything that waits is given up. */
  #attempt = 0;

  constructor(settings: PubsubSettings, forward: Forward) {
    this.#settings = settings;
    this.#forward = forward;
  }

  /** Creates the topic and the subscription if they are missing, and begins to forward. @throws LogUnavailableError */
  async open(session: Session, signal: AbortSignal): Promise<void> {
    if (this.#session === session && this.#pull !== undefined) return;
    const subscription = await this.#create(session, signal);
    if (signal.aborted) throw new LogUnavailableError('closed');
    this.stop();
    this.#session = session;
    this.#pull = new Pull(
      session,
      subscription,
      {
        onMessages: (deliveries) => {
          for (const delivery of deliveries) this.#take(delivery);
        },
        // The next call of `open` creates it.
        onGone: () => session.end(new LogUnavailableError('the subscription of the inbox was deleted')),
        onFailed: (error) => session.end(unavailable(error, 'pubsub.subscriptions.consume')),
      },
      ACK_DEADLINE,
    );
  }

  stop(): void {
    this.#attempt += 1;
    this.#queues.clear();
    this.#pull?.stop().catch(() => undefined);
    this.#pull = undefined;
  }

  async #create(session: Session, signal: AbortSignal): Promise<string> {
    const { project, topic } = this.#settings;
    const inbox = `${topic}-publish`;
    const name = `projects/${project}/subscriptions/${inbox}`;
    const full = `projects/${project}/topics/${inbox}`;
    const settings = {
      name,
      topic: full,
      enableMessageOrdering: true,
      ackDeadlineSeconds: ACK_DEADLINE,
      messageRetentionDuration: { seconds: RETENTION },
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        await session.call(session.subscriber.createSubscription(settings, ONCE), signal);
        return name;
      } catch (error) {
        if (codeOf(error) === Code.alreadyExists) return name;
        if (codeOf(error) !== Code.notFound || attempt > 1) throw unavailable(error, 'pubsub.subscriptions.create');
        await createTopic(session, signal, full);
      }
    }
  }

  #take(delivery: Delivery): void {
    const { channel = '' } = delivery.message.attributes;
    const [attempt, pull] = [this.#attempt, this.#pull];
    const before = this.#queues.get(channel) ?? Promise.resolve();
    const work = async (): Promise<void> => {
      await before;
      try {
        if (this.#attempt !== attempt) return;
        await this.#forward(plainOf(delivery), AbortSignal.timeout(FORWARD_WITHIN));
        pull?.acknowledge(delivery.ackId);
      } catch {
        await this.#giveUp(attempt);
      } finally {
        if (this.#queues.get(channel) === queue) this.#queues.delete(channel);
      }
    };
    const queue = work();
    this.#queues.set(channel, queue);
  }

  /** What follows must not overtake the message that failed: all of it is delivered again. */
  async #giveUp(attempt: number): Promise<void> {
    if (this.#attempt !== attempt) return;
    this.#attempt += 1;
    await sleep(PAUSE, undefined, { ref: false });
    this.#pull?.restart();
  }
}

function plainOf({ message: { id, attributes, data } }: Delivery): PlainMessage {
  const { [PlainAttribute.channel]: channel = '', [PlainAttribute.key]: key = '' } = attributes;
  // Without a key of its own it gets one, so that it is published once even if it is forwarded twice.
  return { channel, key: key === '' ? `pubsub-${id}` : key, body: data };
}
