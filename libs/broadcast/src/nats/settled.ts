/**
 * The result of a call, unless the signal aborts first. Then it rejects with the signal's reason, and the call goes on unobserved.
 */
export async function settled<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('there was no answer in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    call.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
