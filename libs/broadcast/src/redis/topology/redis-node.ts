import type { Address } from '../../broker-url.js';
import { Connection } from '../client/connection.js';
import { handshake } from '../client/handshake.js';
import { Link } from '../client/link.js';
import { Pipeline } from '../client/pipeline.js';
import { Probe, type ProbeEvents, type ProbeOptions } from './probe.js';
import type { RedisSettings } from '../url.js';

/** The calls are synchronous and must not throw. */
export interface NodeEvents extends ProbeEvents {
  /** The connection for commands is new. */
  onCommandsUp(connection: Connection): void;
  /** The connection for subscriptions is new: nothing is subscribed on it. */
  onSubscriberUp(): void;
  /** A connection that was lost is back. Called in addition to the above. */
  onReconnected(): void;
  onMessage(connection: Connection, pubSubChannel: string, text: string): void;
}

export interface NodeOptions extends ProbeOptions {
  readonly settings: RedisSettings;
  readonly events: NodeEvents;
  /** The current address of the server. */
  readonly locate: () => Promise<Address>;
}

/** A primary: a connection for commands, another one for subscriptions, and the probe that monitors them. */
export class RedisNode {
  readonly commands: Link;
  readonly subscriber: Link;
  readonly requests: Pipeline;
  /** A separate pipeline, because publishes may have to wait for replicas. */
  readonly publishes: Pipeline;
  readonly #probe: Probe;

  constructor(options: NodeOptions) {
    const { settings, events, locate } = options;
    const { mode, db, wait, waitTimeout } = settings;
    const open = async (): Promise<Connection> => {
      const { credentials, tls } = settings;
      const connection = await Connection.open({ address: await locate(), credentials, db, tls });
      connection.traits = await handshake(connection, mode === 'cluster');
      return connection;
    };
    this.commands = new Link(open, (connection, isAgain) => {
      connection.onFault = (error) => events.onFault(error);
      if (isAgain) events.onReconnected();
      events.onCommandsUp(connection);
    });
    this.subscriber = new Link(open, (connection, isAgain) => {
      connection.onFault = (error) => events.onFault(error);
      if (isAgain) events.onReconnected();
      connection.onMessage = (pubSubChannel, text) => {
        if (!this.#probe.takeMessage(pubSubChannel, text)) events.onMessage(connection, pubSubChannel, text);
      };
      connection.onUnsubscribed = () => events.onSlotsMoved(connection);
      events.onSubscriberUp();
      this.#probe.runNow();
    });
    this.requests = new Pipeline(this.commands);
    this.publishes = new Pipeline(this.commands, { replicas: wait, timeout: waitTimeout });
    this.#probe = new Probe(this.commands, this.subscriber, options);
  }

  /** Why the node cannot be used now; undefined if it can. */
  get problem(): string | undefined {
    if (this.commands.connection === undefined) return this.commands.problem;
    return this.subscriber.connection === undefined ? this.subscriber.problem : this.#probe.refusal;
  }

  start(): void {
    this.commands.start();
    this.subscriber.start();
    this.#probe.start();
  }

  /** Runs the probe at once. */
  check(): void {
    this.#probe.runNow();
  }

  async close(): Promise<void> {
    this.#probe.stop();
    await Promise.all([this.commands.close(), this.subscriber.close()]);
  }
}
