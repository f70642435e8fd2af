import { pino, destination } from 'pino';

/** Beyond these an error that comes again and again would fill the log. */
const MAX_LINES = 100;

/** Credentials in a URL, and what stands in its query. */
const SECRETS = /\/\/[^/\s@]+@|\?[^\s'")]+/g;

/**
 * What nobody caught: each is one line of the log, at the level `fatal`, and the first has the process stop as a signal
 * does, so that its clients are moved and not cut off. Node would end the process.
 *
 * @param stop begins to stop the process, and resolves when that is done; must not throw.
 */
export function stopOnUncaught(stop: () => void): void {
  // Written at once, since the process may be about to end.
  const logger = pino({}, destination({ dest: 1, sync: true }));
  let lines = 0;
  // Rejections that nobody handles come here too.
  process.on('uncaughtException', (error: unknown, origin) => {
    lines += 1;
    if (lines <= MAX_LINES) {
      try {
        logger.fatal(
          { err: describe(error), origin },
          lines === 1 ? 'an uncaught error: stopping' : 'an uncaught error',
        );
      } catch {
        // There is nowhere left to write to.
      }
    }
    if (lines === 1) stop();
  });
}

/** Without the fields that libraries add to their errors: a command of Redis, say, with all that it was to write. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { type: name, message: message.replace(SECRETS, '…'), stack: stack.replace(SECRETS, '…'), ...code };
}
