import { readFileSync } from 'node:fs';

const MAX_RESERVE = 512;
const MIN_RESERVE = 64;

/**
 * How many sockets the process may have, so that there are always file descriptors left for the broker, webhooks and
 * files.
 */
export interface SocketBudget {
  /** TCP connections of the main port. */
  readonly all: number;
  /** Those of them that are not a WebSocket and have no request in progress. */
  readonly pending: number;
  /** WebSockets: fewer than all, so that health checks are still answered. */
  readonly webSockets: number;
  /** TCP connections of the management port. */
  readonly management: number;
  /** Those of them that have no request in progress. */
  readonly managementPending: number;
}

/** @param descriptors how many files the process may have open; Infinity without a limit. */
export function socketBudget(descriptors: number): SocketBudget {
  const reserve = Math.min(MAX_RESERVE, Math.max(MIN_RESERVE, Math.floor(descriptors / 4)));
  const all = Math.max(Math.floor(descriptors / 2), descriptors - reserve);
  const pending = Math.floor(all / 4);
  const management = Math.floor(reserve / 2);
  return { all, pending, webSockets: all - pending, management, managementPending: Math.floor(management / 2) };
}

/** The soft limit, which Node raises to the hard one when it starts. Infinity if the system does not report it. */
function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

/** The budget of this process. */
export const SOCKETS = socketBudget(descriptorLimit());
