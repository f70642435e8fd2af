import type { Journal } from './journal.js';

/** One second of a run. */
export interface Second {
  /** Seconds since the start of the run. */
  readonly second: number;
  /** Open and subscribed sockets at its end, by pod. */
  readonly connections: Record<string, number>;
  delivered: number;
  gaps: number;
  /** The slowest delivery, in ms. */
  slowest: number;
}

/** The course of a run, second by second. */
export function timelineOf(journals: readonly Journal[], from: number, to: number): Second[] {
  const seconds: Second[] = Array.from({ length: Math.ceil((to - from) / 1_000) }, (_, second) => ({
    second,
    connections: {},
    delivered: 0,
    gaps: 0,
    slowest: 0,
  }));
  for (const { entries, sockets } of journals) {
    for (const { at, text, publishedAt } of entries) {
      const second = seconds[Math.floor((at - from) / 1_000)];
      if (second === undefined) continue;
      if (text === undefined) second.gaps += 1;
      else second.delivered += 1;
      if (publishedAt !== undefined) second.slowest = Math.max(second.slowest, at - publishedAt);
    }
    for (const { subscribedAt, closedAt, node = '' } of sockets) {
      if (subscribedAt === undefined) continue;
      for (const { second, connections } of seconds) {
        const end = from + (second + 1) * 1_000;
        if (subscribedAt <= end && (closedAt === undefined || closedAt > end)) {
          connections[node] = (connections[node] ?? 0) + 1;
        }
      }
    }
  }
  return seconds;
}
