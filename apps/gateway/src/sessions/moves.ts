import { randomUUID } from 'node:crypto';
import { BROKER, type Signals } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { z } from 'zod';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';

/** ms for which announcements are gathered: a pod that takes over thousands of clients sends few signals. */
const GATHER_MS = 1_000;
/** At most this many connections are named in one signal. */
const CHUNK = 500;
/** ms between two signals that name all connections, after an outage. */
const PAUSE_MS = 100;
/** How many ended connections are remembered while the broker is unavailable. */
const MAX_WAITING = 10_000;

/** A connection: the id of its session, its own id, and when it started by the broker's clock. */
const entrySchema = z.tuple([z.string(), z.string(), z.number()]);
type Entry = z.output<typeof entrySchema>;

export const movesSignalSchema = z.object({
  type: z.literal('moves'),
  /** Identifies the pod. */
  from: z.string(),
  /** New connections: older ones of their sessions are left. */
  opened: z.array(entrySchema),
  /** Connections that continue: a pod with a newer one of the session answers. */
  open: z.array(entrySchema),
  /** Connections that have ended: an older one of the session replaces each. */
  left: z.array(entrySchema),
});
export type MovesSignal = z.output<typeof movesSignalSchema>;

/**
 * Completes moves of clients from one pod to another. Pods announce connections under a session that existed before. A
 * pod with an older connection of that session closes it after a while, or reinstates it if the newer one ends first.
 */
@Injectable()
export class Moves implements OnApplicationShutdown {
  private readonly pod = randomUUID();
  private opened = new Set<Connection>();
  private again = new Set<Connection>();
  private gone: Entry[] = [];
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private putBack: (connection: Connection) => void = () => {};

  constructor(
    @Inject(BROKER) private readonly broker: Signals,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
  ) {}

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** @param putBack is called with a connection whose newer one, on another pod, has ended. */
  listen(putBack: (connection: Connection) => void): void {
    this.putBack = putBack;
  }

  /** Announces a connection under a session that existed before. */
  announce(connection: Connection): void {
    this.opened.add(connection);
    this.sendLater();
  }

  /** Announces that a connection continues, in case there is a newer one. */
  announceAgain(connection: Connection): void {
    this.again.add(connection);
    this.sendLater();
  }

  /** Announces that a connection has ended, if another pod may have an older one. */
  left(connection: Connection): void {
    this.opened.delete(connection);
    this.again.delete(connection);
    if (!connection.session.presented) return;
    this.gone.push(entryOf(connection));
    this.sendLater();
  }

  /** Names all connections, since announcements may have been lost. Pods with newer ones answer. */
  async announceAll(): Promise<void> {
    const all = this.connections.all().filter(({ identity }) => identity !== undefined);
    for (let start = 0; start < all.length && !this.stopped; start += CHUNK) {
      if (start > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
      const open = all.slice(start, start + CHUNK).filter((connection) => connection.open);
      await this.signal({ opened: [], open: open.map(entryOf), left: [] });
    }
  }

  onSignal({ from, opened, open, left }: MovesSignal): void {
    if (from === this.pod) return;
    for (const entry of opened) this.compare(entry, false);
    for (const entry of open) this.compare(entry, true);
    for (const [session, id, since] of left) {
      const own = this.find(session, id);
      if (own === undefined) continue;
      const wasReplaced = own.replacedBy === id || (own.replacedBy === undefined && own.since < since);
      if (wasReplaced) this.putBack(own);
    }
  }

  /** A member has left a channel. Its client may still be there, by an older connection of this pod. */
  memberLeft(client: string, rejoin: (connection: Connection) => void): void {
    const connection = this.connections.moving.get(client);
    if (connection?.open) rejoin(connection);
  }

  private compare([session, id, since]: Entry, answers: boolean): void {
    const own = this.find(session, id);
    if (own === undefined) return;
    if (own.since < since || (own.since === since && own.id < id)) this.connections.replace(own, id);
    else if (answers) this.putBack(own);
  }

  /** This pod's newest connection of a session, unless it is the given one. */
  private find(session: string, id: string): Connection | undefined {
    const own = this.connections.counter.newestOf(session);
    return own === undefined || own.id === id || !own.open || own.identity === undefined ? undefined : own;
  }

  private sendLater(): void {
    if (this.stopped || this.timer !== undefined) return;
    const pause = this.lifecycle.stage === 'draining' ? 0 : GATHER_MS;
    this.timer = setTimeout(() => void this.send().catch(() => undefined), pause).unref();
  }

  private async send(): Promise<void> {
    this.timer = undefined;
    const opened = Array.from(this.opened, entryOf);
    const open = Array.from(this.again, entryOf);
    const left = this.gone;
    this.opened = new Set();
    this.again = new Set();
    this.gone = [];
    while (opened.length + open.length + left.length > 0) {
      const next = { opened: opened.splice(0, CHUNK), open: open.splice(0, CHUNK), left: left.splice(0, CHUNK) };
      try {
        await this.signal(next);
      } catch {
        // Open connections are announced again after the outage, but ended ones are not.
        this.gone = [...next.left, ...left, ...this.gone].slice(-MAX_WAITING);
        if (this.gone.length > 0) this.sendLater();
        return;
      }
    }
  }

  private signal(moves: Omit<MovesSignal, 'type' | 'from'>): Promise<void> {
    const signal: MovesSignal = { type: 'moves', from: this.pod, ...moves };
    return this.broker.signal(JSON.stringify(signal));
  }
}

function entryOf({ session, id, since }: Connection): Entry {
  return [session.id, id, since];
}
