import type { z } from 'zod';
import type { Idempotency } from '../../broker.js';
import type { PlainMessage, PlainRefusal } from '../../plain-messages.js';
import { ANSWERS } from '../input.js';
import { INBOX_TAG } from '../keyspace.js';
import { SCRIPTS } from '../scripts/index.js';
import type { StoreContext } from './context.js';

/** ms of the lease of the pod that publishes what is in the inbox. */
export const INBOX_LEASE = 4_000;
/** Entries that are taken at once, and bytes of their data. */
const BATCH = 128;
const BATCH_BYTES = 4 * 2 ** 20;
/** ms for which it is remembered that an entry was published: until a pod runs again, if the last one was killed. */
const REMEMBER = 86_400_000;
/** ms after its removal: a failover may bring it back. */
const REMEMBER_REMOVED = 60_000;

/** An entry of the inbox. */
export interface InboxEntry {
  /** Of the server's stream. */
  readonly id: string;
  readonly message: PlainMessage;
  /** Why its body was not read; undefined if it was. */
  readonly problem: PlainRefusal | undefined;
}

/** The stream that backends publish to. */
export class RedisInboxStore {
  readonly #context: StoreContext;
  readonly #maxPayload: number;

  constructor(context: StoreContext, maxPayload: number) {
    this.#context = context;
    this.#maxPayload = maxPayload;
  }

  /** The first entries, if this pod has the lease then; undefined if another pod has it. */
  async take(): Promise<InboxEntry[] | undefined> {
    const { router, keyspace, input, pod } = this.#context;
    const answer = await router.run({
      tag: INBOX_TAG,
      script: SCRIPTS.TAKE,
      keys: [keyspace.inboxLease, keyspace.inbox],
      args: [pod, INBOX_LEASE, BATCH, BATCH_BYTES, this.#maxPayload],
    });
    const [isOwn, ...entries] = input.answer(ANSWERS.inbox, answer, INBOX_TAG);
    return isOwn === 1 ? entries.map(entryOf) : undefined;
  }

  /** Removes entries. A pod that has not noticed may try to publish them for a while: that stores nothing. */
  async remove(entries: readonly InboxEntry[]): Promise<void> {
    const { router, keyspace } = this.#context;
    await router.command(INBOX_TAG, 'xdel', keyspace.inbox, ...entries.map(({ id }) => id));
    const forgotten = entries.map(async ({ id, message: { channel } }) => {
      const key = keyspace.idempotencyKey(channel, idempotencyOf(id, ''));
      return router.command(channel, 'pexpire', key, REMEMBER_REMOVED);
    });
    await Promise.allSettled(forgotten);
  }

  async release(): Promise<void> {
    const { router, keyspace, pod } = this.#context;
    await router.run({ tag: INBOX_TAG, script: SCRIPTS.RELEASE, keys: [keyspace.inboxLease], args: [pod] });
  }
}

/** What recognizes an entry that another pod has published, and not removed. */
export function idempotencyOf(id: string, fingerprint: string): Idempotency {
  return { publisher: 'inbox', key: id, fingerprint, window: REMEMBER };
}

function entryOf([id, channel, key, data, replaced]: z.output<typeof ANSWERS.inboxEntry>): InboxEntry {
  const problem = problemOf(data, replaced);
  const body = Buffer.from(problem === undefined ? data : '');
  return { id, message: { channel, key: key === '' ? undefined : key, body }, problem };
}

function problemOf(data: string, replaced: number): PlainRefusal | undefined {
  if (replaced === -1) return 'too_large';
  return data.split('\uFFFD').length - 1 === replaced ? undefined : 'malformed';
}
