import { isArrayOf, isRecord, type Store } from './store.js';

/** A message that the person sent and that is not confirmed yet. */
export interface OutgoingMessage {
  readonly key: string;
  readonly room: string;
  readonly text: string;
  /** The author's name at that time: a publish that is repeated with its key must have the same data. */
  readonly name: string;
  /** When it was sent, in ms since the Unix epoch, by this machine's clock. */
  readonly time: number;
  /** It was refused or timed out, and is only sent again by the person. */
  readonly failed: boolean;
}

/** Unconfirmed messages in the order of sending. They survive a reload, so that no message is lost silently. */
export class Outbox {
  readonly #store: Store;
  readonly #messages: Map<string, OutgoingMessage>;

  constructor(store: Store) {
    this.#store = store;
    this.#messages = new Map((store.read('outbox', isOutbox) ?? []).map((message) => [message.key, message]));
  }

  get messages(): readonly OutgoingMessage[] {
    return [...this.#messages.values()];
  }

  get(key: string): OutgoingMessage | undefined {
    return this.#messages.get(key);
  }

  put(message: OutgoingMessage): void {
    this.#messages.set(message.key, message);
    this.#save();
  }

  remove(key: string): void {
    if (this.#messages.delete(key)) this.#save();
  }

  #save(): void {
    this.#store.write('outbox', this.messages);
  }
}

const isOutbox = isArrayOf((value: unknown): value is OutgoingMessage => {
  return (
    isRecord(value) &&
    typeof value['key'] === 'string' &&
    typeof value['room'] === 'string' &&
    typeof value['text'] === 'string' &&
    typeof value['name'] === 'string' &&
    typeof value['time'] === 'number' &&
    typeof value['failed'] === 'boolean'
  );
});
