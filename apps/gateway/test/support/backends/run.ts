import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A message as a backend publishes it. */
export interface BackendMessage {
  readonly channel: string;
  readonly body: string;
  readonly key?: string | undefined;
}

/** Publishes messages in order, with a client that knows nothing of Holdfast. Rejects unless the server has stored all. */
export type BackendPublish = (messages: readonly BackendMessage[]) => Promise<void>;

/** Runs a client. @returns its output */
export async function runClient(
  command: string,
  args: readonly string[],
  input: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`${command} failed: ${errors}`);
  return output;
}

/** The input of the clients in Python. */
export function asLines(messages: readonly BackendMessage[]): string {
  return messages.map(({ channel, key, body }) => `${JSON.stringify([channel, key ?? null, body])}\n`).join('');
}
