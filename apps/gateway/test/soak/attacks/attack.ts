import type { JsonClient } from './json-client.ts';

/** What an attack is aimed at. */
export interface Target {
  readonly port: number;
  readonly managementPort: number;
  readonly redisPort: number;
  readonly jwtSecret: string;
}

/** One kind of abuse, by a client or by whoever else reaches the broker. It goes on until the signal is aborted. */
export interface Attack {
  readonly name: string;
  run(target: Target, signal: AbortSignal): Promise<void>;
}

/** Runs `step` again and again until the signal is aborted. A step that fails is an answer like any other. */
export async function repeat(signal: AbortSignal, step: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await step().catch(() => undefined);
    // A refusal may come at once: the other attacks of this process have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs the work of so many clients side by side, and closes them all. */
export async function withClients(
  clients: readonly JsonClient[],
  work: (client: JsonClient, index: number) => Promise<void>,
): Promise<void> {
  try {
    await Promise.all(clients.map(work));
  } finally {
    for (const client of clients) client.close();
  }
}
