import { Holdfast, type Message, type Token } from '@holdfast/client';
import type { Numbered, Journal } from './journal.js';
import { tappedSocket } from './tapped-socket.js';

export interface LoadClient {
  readonly journal: Journal;
  /** Resolves when it is subscribed. */
  subscribe(): Promise<void>;
  close(): Promise<void>;
}

export interface LoadClientOptions {
  readonly url: string;
  readonly token: Token;
  readonly cookies: boolean;
  readonly address?: string | undefined;
}

/** A client that uses the library like an application. */
export class LibraryClient implements LoadClient {
  readonly journal: Journal;
  readonly #client: Holdfast;

  constructor(journal: Journal, { url, token, cookies, address }: LoadClientOptions) {
    this.journal = journal;
    this.#client = new Holdfast(url, { token, WebSocket: tappedSocket({ journal, cookies, address }) });
    // The journal shows what counts; without listeners the library would warn.
    for (const event of ['state', 'error'] as const) this.#client.on(event, () => {});
  }

  async subscribe(): Promise<void> {
    const { journal } = this;
    const subscription = this.#client.subscribe(journal.channel, {
      message: (message) => journal.entries.push(entryOf(message, subscription.position?.epoch ?? '')),
      gap: ({ epoch, offset }) => journal.entries.push({ epoch, offset, at: Date.now() }),
    });
    const { epoch, offset } = await subscription.ready;
    journal.start ??= { epoch, offset };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

export function entryOf({ offset, data }: Message, epoch: string): Journal['entries'][number] {
  const { text, at } = data as unknown as Numbered;
  return { epoch, offset, text, publishedAt: at, at: Date.now() };
}
