/** Counts published messages, and thereby the messages that each client must receive. */
export class Tally {
  /** The number of deliveries of all published messages. */
  expected = 0;
  readonly #channels: readonly (readonly string[])[];
  readonly #subscribers = new Map<string, number>();
  readonly #published = new Map<string, number>();

  constructor(clients: number, channelsOf: (client: number) => readonly string[]) {
    this.#channels = Array.from({ length: clients }, (_, client) => channelsOf(client));
    for (const channel of this.#channels.flat()) this.#subscribers.set(channel, this.fanOut(channel) + 1);
  }

  /** The number of subscribers of a channel. */
  fanOut(channel: string): number {
    return this.#subscribers.get(channel) ?? 0;
  }

  published(channel: string): void {
    this.#published.set(channel, (this.#published.get(channel) ?? 0) + 1);
    this.expected += this.fanOut(channel);
  }

  /** The first client that did not receive exactly its messages. */
  wrong(got: readonly number[]): { client: number; got: number; expected: number } | undefined {
    for (const [client, channels] of this.#channels.entries()) {
      const expected = channels.reduce((sum, channel) => sum + (this.#published.get(channel) ?? 0), 0);
      if (got[client] !== expected) return { client, got: got[client] ?? 0, expected };
    }
    return undefined;
  }
}
