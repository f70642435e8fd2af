import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `send` with the number of messages that are due, so that the overall rate is exactly `perSecond`. */
export async function pace(perSecond: number, seconds: number, send: (count: number) => void): Promise<number> {
  const total = Math.round(perSecond * seconds);
  const begin = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - begin) / 1000) * perSecond));
    if (due > sent) {
      send(due - sent);
      sent = due;
    }
    // Not before the next one is due; timers have a resolution of 1 ms.
    await sleep(Math.max(1, begin + (sent / perSecond) * 1000 - performance.now()));
  }
  return total;
}
