/**
 * The result of a call, unless the signal aborts first: then it rejects with that error, and the call goes on unobserved. For
 * clients whose calls know no signal.
 */
export async function settled<T>(
  call: Promise<T>,
  signal: AbortSignal,
  error = (): Error => new Error('there was no answer in time'),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(error());
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    call.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
