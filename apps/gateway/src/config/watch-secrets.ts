import { readFile } from 'node:fs/promises';
import { ConfigError } from './config-error.js';
import type { Config, SecretFile } from './load-config.js';
import { decodeText, unreadable } from './read-file.js';

/** A secret file has changed. Its value is in use now, or was refused for `problem` and the previous one stays. */
export interface SecretChange {
  readonly variable: string;
  /** What was expected, never the value. */
  readonly problem?: string;
  /** Whether the file is now empty, so that the setting counts as unset. */
  readonly isEmpty?: true;
}

/**
 * Reads the secret files again every `interval` ms: Kubernetes swaps a symbolic link in a parent directory, which
 * fs.watch does not notice. Does not keep the process alive.
 *
 * @param onChange is called once for each change, and once for each new problem; must not throw.
 * @returns a function that stops it.
 */
export function watchSecrets(
  { secretFiles }: Pick<Config, 'secretFiles'>,
  onChange: (change: SecretChange) => void,
  interval = 5_000,
): () => void {
  const unreadableFiles = new Set<SecretFile>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = secretFiles.length === 0;

  const check = async (file: SecretFile): Promise<void> => {
    const { variable } = file;
    let text: string;
    try {
      text = decodeText(await readFile(file.path));
    } catch (error) {
      if (!stopped && !unreadableFiles.has(file)) onChange({ variable, problem: unreadable(variable, error) });
      unreadableFiles.add(file);
      return;
    }
    unreadableFiles.delete(file);
    if (stopped) return;
    try {
      if (file.reload(text)) onChange({ variable, ...(text.trim() === '' ? { isEmpty: true } : {}) });
    } catch (error) {
      const problem = error instanceof ConfigError ? error.problems.join('; ') : `${variable}: expected another value`;
      onChange({ variable, problem });
    }
  };

  const schedule = (): void => {
    if (!stopped) timer = setTimeout(poll, interval).unref();
  };
  /** Never rejects. */
  const checkAll = async (): Promise<void> => {
    for (const file of secretFiles) await check(file);
  };
  const poll = (): void => {
    checkAll()
      .finally(schedule)
      .catch(() => undefined);
  };
  schedule();

  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
