import { steadyNow } from '../../steady-clock.js';
import type { Connection } from '../client/connection.js';
import { REDIRECTIONS, RedisReplyError } from '../client/errors.js';
import type { Link } from '../client/link.js';
import type { Keyspace } from '../keyspace.js';
import { refusalOf } from './refusal.js';
import { SCRIPTS } from '../scripts/index.js';

const INTERVAL = 1_000;
/** ms within which every answer and message must have arrived. */
const TIMEOUT = 2_000;
/** ms for which the probe's keys are kept. */
const TTL = 10_000;
/** How many writes in a row must succeed before a server that refused one counts as up: at its limit it refuses only some. */
const RECOVERED = 3;

const NOT_DELIVERED = 'a message was not delivered';
const DATA_CHANGED = 'the server may have lost data';

/** The server's replication id is not the one that the connections began with. */
class DataChangedError extends Error {}

export interface ProbeEvents {
  /** The server took subscriptions away from this connection, or redirected the probe: slots have moved. */
  onSlotsMoved(connection: Connection): void;
  /** ms by which the server's clock is ahead of this pod's. */
  onClock(lead: number): void;
  /** The probe, or a listener, threw. */
  onFault(error: unknown): void;
}

export interface ProbeOptions {
  readonly keyspace: Keyspace;
  /** This pod's id. */
  readonly pod: string;
  readonly events: ProbeEvents;
  /** A hash tag that the node serves, if there is one. */
  readonly probeTag: () => string | undefined;
  /** Whether another server has replaced this one, according to the sentinels. */
  readonly isReplaced: (current: string) => Promise<boolean>;
}

/**
 * Notices connections that are dead, or lead to a demoted server, although nothing was closed. Every second it asks for the
 * server's role on both connections, and publishes a message on one and awaits it on the other. The script that publishes also
 * writes: this reveals a server that refuses writes, and one that may have lost data.
 */
export class Probe {
  readonly #commands: Link;
  readonly #subscriber: Link;
  readonly #options: ProbeOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #stopped = false;
  #isUrgent = false;
  #round = 0;
  #refusal: string | undefined;
  #written = 0;
  #awaited: { readonly pubSubChannel: string; readonly text: string; readonly deliver: () => void } | undefined;
  #subscribed: { readonly connection: Connection; readonly pubSubChannel: string } | undefined;

  constructor(commands: Link, subscriber: Link, options: ProbeOptions) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#options = options;
  }

  /** Why the server refuses writes; undefined if it accepts them. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  start(): void {
    this.#timer ??= setTimeout(() => this.#next(), INTERVAL * Math.random());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  runNow(): void {
    this.#isUrgent = true;
    if (this.#running || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), 0);
  }

  /** @returns whether the message belongs to the probe. */
  takeMessage(pubSubChannel: string, text: string): boolean {
    if (pubSubChannel !== this.#subscribed?.pubSubChannel) return false;
    if (pubSubChannel === this.#awaited?.pubSubChannel && text === this.#awaited.text) this.#awaited.deliver();
    return true;
  }

  #next(): void {
    this.#running = true;
    this.#isUrgent = false;
    this.#check()
      .catch((error: unknown) => this.#options.events.onFault(error))
      .finally(() => {
        this.#running = false;
        if (!this.#stopped) this.#timer = setTimeout(() => this.#next(), this.#isUrgent ? INTERVAL / 10 : INTERVAL);
      });
  }

  async #check(): Promise<void> {
    const [commands, subscriber] = [this.#commands, this.#subscriber];
    const [asked, listening] = [commands.connection, subscriber.connection];
    if (asked === undefined || listening === undefined) return;
    this.#round += 1;
    const replaced = this.#isReplaced(asked.name, listening.name);
    const [commandsProblem, subscriberProblem] = await Promise.all([
      this.#problemOf(asked),
      this.#problemOf(listening),
      this.#measureClock(asked),
    ]);
    if (commandsProblem !== undefined && asked === commands.connection) commands.reset(commandsProblem);
    if (subscriberProblem !== undefined && listening === subscriber.connection) subscriber.reset(subscriberProblem);
    if (commandsProblem === undefined && subscriberProblem === undefined) {
      const problem = await this.#problemOfDelivery(asked, listening);
      if (problem === DATA_CHANGED && asked === commands.connection) commands.reset(problem);
      if (problem !== undefined && listening === subscriber.connection) subscriber.reset(problem);
    }
    if (await replaced) {
      if (asked === commands.connection) commands.reset('another server is the primary now');
      if (listening === subscriber.connection) subscriber.reset('another server is the primary now');
    }
  }

  async #isReplaced(...names: readonly string[]): Promise<boolean> {
    const answers = await Promise.all(names.map(async (name) => this.#options.isReplaced(name)));
    return answers.includes(true);
  }

  /** The echo shows whether answers still match commands. */
  async #problemOf(connection: Connection): Promise<string | undefined> {
    const token = `${this.#round}`;
    try {
      const [role, echo] = await Promise.all([
        connection.send(TIMEOUT, 'role'),
        connection.send(TIMEOUT, 'echo', token),
      ]);
      if (echo !== token) return 'the connection is out of step';
      return Array.isArray(role) && role[0] === 'master' ? undefined : 'the server is not a primary any more';
    } catch (error) {
      return error instanceof RedisReplyError ? error.message : 'no answer in time';
    }
  }

  async #measureClock(connection: Connection): Promise<void> {
    const before = steadyNow();
    const time = await connection.send(TIMEOUT, 'time').catch(() => undefined);
    if (!Array.isArray(time)) return;
    const after = steadyNow();
    // A long round trip is too inexact.
    if (after - before > TIMEOUT / 10) return;
    const server = Number(time[0]) * 1_000 + Number(time[1]) / 1_000;
    const lead = server - (before + after) / 2;
    if (Number.isFinite(lead)) this.#options.events.onClock(lead);
  }

  async #problemOfDelivery(asked: Connection, listening: Connection): Promise<string | undefined> {
    const { keyspace, pod, probeTag, events } = this.#options;
    const tag = probeTag();
    if (tag === undefined) return undefined;
    const pubSubChannel = keyspace.probe(tag, pod);
    const sharded = keyspace.publishCommand === 'SPUBLISH';
    try {
      if (this.#subscribed?.connection !== listening || this.#subscribed.pubSubChannel !== pubSubChannel) {
        this.#subscribed = { connection: listening, pubSubChannel };
        await listening.send(TIMEOUT, sharded ? 'ssubscribe' : 'subscribe', pubSubChannel);
      }
      return (await this.#isDelivered(pubSubChannel, asked, tag)) ? undefined : NOT_DELIVERED;
    } catch (error) {
      if (error instanceof DataChangedError) return DATA_CHANGED;
      this.#subscribed = undefined;
      const moved = error instanceof RedisReplyError && (error.code === 'MOVED' || error.code === 'ASK');
      if (moved) events.onSlotsMoved(listening);
      // A refusal is an answer: the connections are alive.
      return error instanceof RedisReplyError ? undefined : NOT_DELIVERED;
    }
  }

  async #isDelivered(pubSubChannel: string, asked: Connection, tag: string): Promise<boolean> {
    const text = `${this.#round}`;
    let timer: NodeJS.Timeout | undefined;
    const delivered = new Promise<boolean>((resolve) => {
      this.#awaited = { pubSubChannel, text, deliver: () => resolve(true) };
      timer = setTimeout(() => resolve(false), TIMEOUT);
    });
    try {
      await this.#write(asked, tag, pubSubChannel, text);
      return await delivered;
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
    }
  }

  async #write(asked: Connection, tag: string, pubSubChannel: string, text: string): Promise<void> {
    const { keyspace, pod } = this.#options;
    const keys = keyspace.probeKeys(tag, pod);
    const { publishCommand } = keyspace;
    let replicationId: unknown;
    try {
      const tail = [keys.length, ...keys, publishCommand, pubSubChannel, text, TTL];
      replicationId = await asked.run(TIMEOUT, SCRIPTS.PROBE, tail);
    } catch (error) {
      if (!(error instanceof RedisReplyError) || REDIRECTIONS.has(error.code)) throw error;
      this.#refusal = refusalOf(error);
      this.#written = 0;
      // Messages may be delivered nevertheless.
      await asked.send(TIMEOUT, publishCommand.toLowerCase(), pubSubChannel, text);
      return;
    }
    this.#written += 1;
    if (this.#written >= RECOVERED) this.#refusal = undefined;
    if (replicationId !== asked.traits.replicationId) throw new DataChangedError();
  }
}
