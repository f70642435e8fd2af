import type { Connection, ConnectionChannels } from '../connection/connection.js';
import type { ReplayBudget } from './replay-budget.js';
import type { Subscription } from './subscription.js';

/** The subscriptions of one connection, by channel. */
export class Subscriptions extends Map<string, Subscription> implements ConnectionChannels {
  /** Undefined until the first replay. */
  replays: ReplayBudget | undefined;

  get isReplaying(): boolean {
    return this.replays?.isBusy === true;
  }

  get unsentReplay(): number {
    return this.replays?.unsent ?? 0;
  }

  conflate(): number {
    let conflated = 0;
    for (const subscription of this.values()) conflated += subscription.conflate();
    return conflated;
  }

  end(): void {
    this.replays?.end();
  }
}

/** @returns undefined if the connection never had any. */
export function subscriptionsOf({ channels }: Connection): Subscriptions | undefined {
  return channels instanceof Subscriptions ? channels : undefined;
}

/** The subscriptions of a connection, to add one. */
export function ownSubscriptions(connection: Connection): Subscriptions {
  const subscriptions = subscriptionsOf(connection) ?? new Subscriptions();
  connection.channels = subscriptions;
  return subscriptions;
}
