import type { BrokerEvents } from '../broker.js';
import { BrokerUnavailableError, BrokerUnknownError, KeyConflictError } from '../errors.js';
import { Repeater } from '../membership/repeater.js';
import { plainPublish, type PlainRefusal, type PlainSettings } from '../plain-messages.js';
import type { Publisher } from './publisher.js';
import { idempotencyOf, INBOX_LEASE, type InboxEntry, type RedisInboxStore } from './stores/inbox-store.js';

/** ms between two looks into an empty inbox. */
const IDLE = 20;
/** ms between two looks whether the pod that has the inbox is gone. */
const WAIT = 1_000;
/** ms before the next attempt after a failure. */
const PAUSE = 500;
/** ms after a look during which this pod certainly has the lease: it is renewed when half of it has passed. */
const CERTAIN = INBOX_LEASE / 2 - 500;

export interface InboxContext {
  readonly store: RedisInboxStore;
  readonly publisher: Publisher;
  readonly plain: PlainSettings;
  readonly events: Pick<BrokerEvents, 'onPlainRefused' | 'onFault'>;
}

/**
 * Publishes what backends write into the inbox. One pod at a time does that, which keeps the order: the messages of a channel one after
 * the other, those of different channels side by side. An entry is removed when it is published, and recognized if it is published
 * again: by a pod that continues after another one was killed, or by one that does not know that its lease has ended.
 */
export class RedisInbox {
  readonly #context: InboxContext;
  readonly #repeater = new Repeater(async () => this.#round());
  #isClosed = false;

  constructor(context: InboxContext) {
    this.#context = context;
  }

  start(): void {
    this.#repeater.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#repeater.close();
    await this.#context.store.release().catch(() => undefined);
  }

  async #round(): Promise<number> {
    const { store, events } = this.#context;
    try {
      const until = performance.now() + CERTAIN;
      const entries = await store.take();
      if (entries === undefined) return WAIT;
      if (entries.length === 0) return IDLE;
      const done = await this.#publishAll(entries, until);
      if (done.length > 0) await store.remove(done);
      return done.length === entries.length ? 0 : PAUSE;
    } catch (error) {
      if (!isExpected(error)) events.onFault(error);
      return PAUSE;
    }
  }

  /** @returns the entries that are done with. An entry that is not keeps those that follow it in its channel waiting. */
  async #publishAll(entries: readonly InboxEntry[], until: number): Promise<InboxEntry[]> {
    const done: InboxEntry[] = [];
    const byChannel = Map.groupBy(entries, ({ message }) => message.channel);
    const published = [...byChannel.values()].map(async (ofChannel) => {
      for (const entry of ofChannel) {
        if (this.#isClosed || performance.now() > until) return;
        await this.#publish(entry);
        done.push(entry);
      }
    });
    for (const result of await Promise.allSettled(published)) {
      if (result.status === 'rejected' && !isExpected(result.reason)) this.#context.events.onFault(result.reason);
    }
    return done;
  }

  async #publish({ id, message, problem }: InboxEntry): Promise<void> {
    const { publisher, plain, events } = this.#context;
    const refused = (reason: PlainRefusal): void => events.onPlainRefused(message.channel, reason);
    const request = plainPublish(message, plain.policy, plain.format);
    // A body that was not read is empty.
    if (typeof request === 'string') return refused(request === 'malformed' ? (problem ?? request) : request);
    try {
      const { fingerprint = '' } = request.idempotency ?? {};
      await publisher.publish(request, idempotencyOf(id, fingerprint));
    } catch (error) {
      if (!(error instanceof KeyConflictError)) throw error;
      refused('key_conflict');
    }
  }
}

function isExpected(error: unknown): boolean {
  return error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError;
}
