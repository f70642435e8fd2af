import type { JsonClient } from './json-client.ts';

/** The target of an attack. */
export interface Target {
  readonly port: number;
  readonly managementPort: number;
  readonly redisPort: number;
  readonly jwtSecret: string;
}

/** One kind of abuse, by a client or by somebody with access to the broker. It continues until the signal is aborted. */
export interface Attack {
  readonly name: string;
  run(target: Target, signal: AbortSignal): Promise<void>;
}

/** Repeats `step` until the signal is aborted. A step that fails counts like any other. */
export async function repeat(signal: AbortSignal, step: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await step().catch(() => undefined);
    // A refusal may arrive at once: let the other attacks of this process run.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs the work of several clients concurrently, and closes them all. */
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
