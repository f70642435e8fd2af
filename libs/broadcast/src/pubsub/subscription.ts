import { randomBytes } from 'node:crypto';
import { LogRefusedError } from '../log/log-adapter.js';
import { Code, codeOf, unavailable } from './errors.js';
import { ONCE, type Session } from './session.js';
import type { PubsubSettings } from './url.js';

/** The shortest that Pub/Sub allows: a pod that is killed leaves its subscription behind. s */
const EXPIRES_AFTER = 86_400;
/** How long messages wait for a pod that does not read; the shortest that Pub/Sub allows. s */
const RETENTION = 600;
/** A pod that has read nothing for so long begins again, before messages are dropped. ms */
export const LONGEST_SILENCE = (RETENTION * 1_000 * 4) / 5;
/** In which a message has to be acknowledged before it is delivered again; the shortest that Pub/Sub allows. s */
export const ACK_DEADLINE = 10;
/** ms */
const LOOK_WITHIN = 2_500;
/** The topic of a subscription whose topic was deleted. */
const DELETED_TOPIC = '_deleted-topic_';

/** The subscription of one pod. It receives what is published after it was created, and belongs to nobody else. */
export class OwnSubscription {
  readonly #settings: PubsubSettings;
  #name: string;
  #isThere = false;
  /** Whether the server may know it. */
  #mayBeThere = false;

  constructor(settings: PubsubSettings) {
    this.#settings = settings;
    this.#name = this.#newName();
  }

  /** Full name. */
  get name(): string {
    return this.#name;
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  /** The next one gets another name: the server may not know yet that this one is gone. */
  lose(): void {
    this.#isThere = false;
    this.#mayBeThere = false;
    this.#name = this.#newName();
  }

  /**
   * Whether it still receives what is published.
   *
   * @throws what the library throws if the server does not say.
   */
  async look(session: Session): Promise<boolean> {
    const { name } = this;
    try {
      const call = session.subscriber.getSubscription({ subscription: name }, ONCE);
      const { topic, detached } = await session.call(call, AbortSignal.timeout(LOOK_WITHIN));
      if (!this.#isThere || this.#name !== name) return true;
      return topic !== DELETED_TOPIC && detached !== true;
    } catch (error) {
      if (codeOf(error) === Code.notFound) return !this.#isThere || this.#name !== name;
      // Then only a stream that ends says that it is gone.
      if (codeOf(error) === Code.permissionDenied) return true;
      throw error;
    }
  }

  /** Creates it, and the topic if that is missing. @throws LogUnavailableError */
  async create(session: Session, signal: AbortSignal): Promise<void> {
    try {
      await this.#create(session, signal);
    } catch (error) {
      if (codeOf(error) !== Code.notFound) throw unavailable(error, RIGHT);
      await createTopic(session, signal);
      try {
        await this.#create(session, signal);
      } catch (failure) {
        throw unavailable(failure, RIGHT);
      }
    }
    this.#isThere = true;
  }

  async delete(session: Session, signal: AbortSignal): Promise<void> {
    if (!this.#mayBeThere) return;
    await session.call(session.subscriber.deleteSubscription({ subscription: this.#name }, ONCE), signal);
  }

  async #create(session: Session, signal: AbortSignal): Promise<void> {
    this.#mayBeThere = true;
    const call = session.subscriber.createSubscription(
      {
        name: this.#name,
        topic: session.topic,
        enableMessageOrdering: true,
        ackDeadlineSeconds: ACK_DEADLINE,
        messageRetentionDuration: { seconds: RETENTION },
        expirationPolicy: { ttl: { seconds: EXPIRES_AFTER } },
        labels: { 'created-by': 'holdfast' },
      },
      ONCE,
    );
    try {
      await session.call(call, signal);
    } catch (error) {
      // By an attempt that was not answered.
      if (codeOf(error) !== Code.alreadyExists) throw error;
    }
  }

  #newName(): string {
    const { project, topic } = this.#settings;
    return `projects/${project}/subscriptions/${topic}-pod-${randomBytes(9).toString('hex')}`;
  }
}

const RIGHT = 'pubsub.subscriptions.create, and pubsub.topics.attachSubscription on the topic';

/** @throws LogUnavailableError */
export async function createTopic(session: Session, signal: AbortSignal, topic = session.topic): Promise<void> {
  const { publisher } = session;
  try {
    await session.call(publisher.createTopic({ name: topic }, ONCE), signal);
  } catch (error) {
    if (codeOf(error) === Code.alreadyExists) return;
    if (codeOf(error) !== Code.permissionDenied) throw unavailable(error);
    throw new LogRefusedError(`create the topic ${topic}, or grant the service account pubsub.topics.create`, {
      cause: error,
    });
  }
}
