import type { Address } from '../client/address.js';
import { Connection } from '../client/connection.js';
import { handshake } from '../client/handshake.js';
import { Link } from '../client/link.js';
import type { Keyspace } from '../keyspace.js';
import { Pipeline } from '../client/pipeline.js';
import { Probe } from './probe.js';
import type { RedisSettings } from '../url.js';

/** What a node tells. The calls are synchronous and must not throw. */
export interface NodeEvents {
  /** The commands connection is new. */
  onCommandsUp(connection: Connection): void;
  /** The subscriber connection is new: nothing is subscribed on it. */
  onSubscriberUp(node: RedisNode, connection: Connection): void;
  onMessage(connection: Connection, wire: string, text: string): void;
  /** Subscriptions on it were taken away, or the probe was sent elsewhere: slots have moved. */
  onSlotsMoved(connection: Connection): void;
  /** ms by which the server's clock is ahead of this pod's. */
  onClock(lead: number): void;
  /** A call above threw. */
  onFault(error: unknown): void;
}

export interface NodeOptions {
  readonly settings: RedisSettings;
  readonly names: Keyspace;
  /** This pod's id. */
  readonly pod: string;
  readonly events: NodeEvents;
  /** Where the server is now. */
  readonly locate: () => Promise<Address>;
  /** A hash tag that the node serves, if there is one. */
  readonly probeTag: () => string | undefined;
  /** Whether another server has taken the place of this one, by the word of those who decide it. */
  readonly isReplaced: (current: string) => Promise<boolean>;
}

/** A primary: one connection for commands, another one for subscriptions, and the probe that watches them. */
export class RedisNode {
  readonly commands: Link;
  readonly subscriber: Link;
  readonly requests: Pipeline;
  /** Publishes have a pipeline of their own, as they may have to wait for replicas. */
  readonly publishes: Pipeline;
  readonly #probe: Probe;

  constructor(options: NodeOptions) {
    const { settings, events, locate } = options;
    const { mode, db, wait, waitTimeout } = settings;
    const open = async (): Promise<Connection> => {
      const { credentials, tls } = settings;
      const connection = await Connection.open({ address: await locate(), credentials, db, tls });
      connection.replicationId = await handshake(connection, mode === 'cluster');
      return connection;
    };
    this.commands = new Link(open, (connection) => {
      connection.onFault = (error) => events.onFault(error);
      events.onCommandsUp(connection);
    });
    this.subscriber = new Link(open, (connection) => {
      connection.onFault = (error) => events.onFault(error);
      connection.onMessage = (wire, text) => {
        if (!this.#probe.hears(wire, text)) events.onMessage(connection, wire, text);
      };
      connection.onUnsubscribed = () => events.onSlotsMoved(connection);
      events.onSubscriberUp(this, connection);
      this.#probe.hurry();
    });
    this.requests = new Pipeline(this.commands);
    this.publishes = new Pipeline(this.commands, { replicas: wait, timeout: waitTimeout });
    this.#probe = new Probe(this, options);
  }

  /** Why the node cannot be used now; undefined where it can. */
  get problem(): string | undefined {
    if (this.commands.connection === undefined) return this.commands.problem;
    return this.subscriber.connection === undefined ? this.subscriber.problem : this.#probe.refusal;
  }

  start(): void {
    this.commands.start();
    this.subscriber.start();
    this.#probe.start();
  }

  /** Has the probe look at once. */
  suspect(): void {
    this.#probe.hurry();
  }

  async close(): Promise<void> {
    this.#probe.stop();
    await Promise.all([this.commands.close(), this.subscriber.close()]);
  }
}
