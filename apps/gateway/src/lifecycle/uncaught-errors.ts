import { lastWords } from '../logging/last-words.js';

/** More lines than this, from an error that repeats, would fill the log. */
const MAX_LINES = 100;

/** Credentials in a URL, and its query. */
const SECRETS = /\/\/[^/\s@]+@|\?[^\s'")]+/g;

/**
 * Logs each uncaught error as one line at the level `fatal`. The first one stops the process like a signal does, so
 * that its clients are moved and not cut off: Node would end it at once.
 *
 * @param stop starts to stop the process; must not throw.
 */
export function stopOnUncaught(stop: () => void): void {
  const log = lastWords();
  let lines = 0;
  // Unhandled rejections arrive here as well.
  process.on('uncaughtException', (error: unknown, origin) => {
    lines += 1;
    if (lines <= MAX_LINES) {
      try {
        const event = lines === 1 ? 'gateway.uncaught_error' : 'gateway.further_uncaught_error';
        log.write(event, { err: describe(error), origin });
      } catch {
        // There is nowhere left to write to.
      }
    }
    if (lines === 1) stop();
  });
}

/** Without the fields that libraries add to their errors: a Redis command, for example, with everything it was to write. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { type: name, message: message.replace(SECRETS, '…'), stack: stack.replace(SECRETS, '…'), ...code };
}
