import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Exec } from '@kubernetes/client-node';
import type { Namespace } from './namespace.js';

/**
 * Runs a command in a container, like `kubectl exec`.
 *
 * @returns its output.
 * @throws Error if it fails.
 */
export async function execute(
  { name, cluster }: Pick<Namespace, 'name' | 'cluster'>,
  pod: string,
  container: string,
  words: string[],
): Promise<string> {
  const output = new PassThrough();
  const written = text(output);
  const ended = Promise.withResolvers<void>();
  await new Exec(cluster.config).exec(
    name,
    pod,
    container,
    words,
    output,
    output,
    null,
    false,
    ({ status, message }) => {
      output.end();
      if (status === 'Success') ended.resolve();
      else ended.reject(new Error(`${words[0]} in ${pod}: ${message}`));
    },
  );
  await ended.promise;
  return written;
}
