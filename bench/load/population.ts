import { Client, type ClientOptions } from './client.ts';
import { availableTokens } from './tokens.ts';

/** The number of clients that connect concurrently: enough to keep a server busy, without a queue. */
const AT_ONCE = 64;

export interface PopulationOptions extends Omit<ClientOptions, 'token'> {
  readonly size: number;
  /** The number of the first client; each is a different user. */
  readonly from?: number;
  /** The channels of the client with this number. */
  readonly channelsOf: (client: number) => readonly string[];
}

/** Connected, authenticated and subscribed clients. */
export async function populate({ size, from = 0, channelsOf, ...options }: PopulationOptions): Promise<Client[]> {
  await availableTokens(from + size);
  return inParallel(size, async (index) => {
    const client = await openClient(from + index, options);
    for (const channel of channelsOf(from + index)) await client.subscribe(channel);
    return client;
  });
}

/** The client of the user with this number. */
export async function openClient(number: number, options: Omit<ClientOptions, 'token'>): Promise<Client> {
  const tokens = await availableTokens(number + 1);
  return Client.open({ ...options, token: tokens[number] ?? '' });
}

/** Runs a task for 0 to count - 1, with limited concurrency. */
export async function inParallel<T>(
  count: number,
  task: (index: number) => Promise<T>,
  atOnce = AT_ONCE,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await task(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}
