import { steadyNow } from '../../steady-clock.js';
import type { Connection } from '../client/connection.js';
import { REDIRECTIONS, RedisReplyError } from '../client/errors.js';
import type { NodeOptions, RedisNode } from './redis-node.js';
import { refusalOf } from './refusal.js';
import { SCRIPTS } from '../scripts/index.js';

const INTERVAL = 1_000;
/** ms within which everything must have been answered and heard. */
const TIMEOUT = 2_000;
/** ms for which what the probe writes is kept. */
const TTL = 10_000;
/** Writes that must succeed one after the other before a server that refused one counts as up: some are refused at its limit. */
const RECOVERED = 3;

const NOT_HEARD = 'a message did not come through';
const BEGUN_ANEW = 'the server has begun anew';

/** The server's data is not the one that the connections began with. */
class BegunAnewError extends Error {}

/**
 * Notices a connection that is dead or leads to a demoted server, although nothing was closed: every second both
 * connections are asked for the server's role, and a message is published on the one and awaited on the other, by a script
 * that writes as well: so a server that refuses writes is noticed, and one that has begun anew.
 */
export class Probe {
  readonly #node: RedisNode;
  readonly #options: NodeOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #stopped = false;
  #hurried = false;
  #round = 0;
  #refusal: string | undefined;
  #written = 0;
  #awaited: { readonly wire: string; readonly text: string; readonly heard: () => void } | undefined;
  #subscribed: { readonly connection: Connection; readonly wire: string } | undefined;

  constructor(node: RedisNode, options: NodeOptions) {
    this.#node = node;
    this.#options = options;
  }

  /** Why the server refuses writes; undefined if it takes them. */
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

  hurry(): void {
    this.#hurried = true;
    if (this.#running || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), 0);
  }

  /** Returns whether a message is the probe's own. */
  hears(wire: string, text: string): boolean {
    if (wire !== this.#subscribed?.wire) return false;
    if (wire === this.#awaited?.wire && text === this.#awaited.text) this.#awaited.heard();
    return true;
  }

  #next(): void {
    this.#running = true;
    this.#hurried = false;
    this.#look()
      .catch((error: unknown) => this.#options.events.onFault(error))
      .finally(() => {
        this.#running = false;
        if (!this.#stopped) this.#timer = setTimeout(() => this.#next(), this.#hurried ? INTERVAL / 10 : INTERVAL);
      });
  }

  async #look(): Promise<void> {
    const { commands, subscriber } = this.#node;
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
      const problem = await this.#problemOfCarrying(asked, listening);
      if (problem === BEGUN_ANEW && asked === commands.connection) commands.reset(problem);
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

  /** The echo tells whether answers still belong to what was asked. */
  async #problemOf(connection: Connection): Promise<string | undefined> {
    const token = `${this.#round}`;
    try {
      const [role, echo] = await Promise.all([
        connection.send(TIMEOUT, 'role'),
        connection.send(TIMEOUT, 'echo', token),
      ]);
      if (echo !== token) return 'the connection is out of step';
      return Array.isArray(role) && role[0] === 'master' ? undefined : 'the server is no primary any more';
    } catch (error) {
      return error instanceof RedisReplyError ? error.message : 'no answer in time';
    }
  }

  async #measureClock(connection: Connection): Promise<void> {
    const before = steadyNow();
    const time = await connection.send(TIMEOUT, 'time').catch(() => undefined);
    if (!Array.isArray(time)) return;
    const after = steadyNow();
    // A long way there or back says little.
    if (after - before > TIMEOUT / 10) return;
    const server = Number(time[0]) * 1_000 + Number(time[1]) / 1_000;
    const lead = server - (before + after) / 2;
    if (Number.isFinite(lead)) this.#options.events.onClock(lead);
  }

  async #problemOfCarrying(asked: Connection, listening: Connection): Promise<string | undefined> {
    const { names, pod, probeTag, events } = this.#options;
    const tag = probeTag();
    if (tag === undefined) return undefined;
    const wire = names.probe(tag, pod);
    const sharded = names.publishCommand === 'SPUBLISH';
    try {
      if (this.#subscribed?.connection !== listening || this.#subscribed.wire !== wire) {
        this.#subscribed = { connection: listening, wire };
        await listening.send(TIMEOUT, sharded ? 'ssubscribe' : 'subscribe', wire);
      }
      return (await this.#hearsOf(wire, asked, tag)) ? undefined : NOT_HEARD;
    } catch (error) {
      if (error instanceof BegunAnewError) return BEGUN_ANEW;
      this.#subscribed = undefined;
      const moved = error instanceof RedisReplyError && (error.code === 'MOVED' || error.code === 'ASK');
      if (moved) events.onSlotsMoved(listening);
      // What was refused was answered: the connections are alive.
      return error instanceof RedisReplyError ? undefined : NOT_HEARD;
    }
  }

  async #hearsOf(wire: string, asked: Connection, tag: string): Promise<boolean> {
    const text = `${this.#round}`;
    let timer: NodeJS.Timeout | undefined;
    const heard = new Promise<boolean>((resolve) => {
      this.#awaited = { wire, text, heard: () => resolve(true) };
      timer = setTimeout(() => resolve(false), TIMEOUT);
    });
    try {
      await this.#write(asked, tag, wire, text);
      return await heard;
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
    }
  }

  async #write(asked: Connection, tag: string, wire: string, text: string): Promise<void> {
    const { names, pod } = this.#options;
    const keys = names.probeKeys(tag, pod);
    const { publishCommand } = names;
    let replicationId: unknown;
    try {
      replicationId = await asked.run(TIMEOUT, SCRIPTS.PROBE, [keys.length, ...keys, publishCommand, wire, text, TTL]);
    } catch (error) {
      if (!(error instanceof RedisReplyError) || REDIRECTIONS.has(error.code)) throw error;
      this.#refusal = refusalOf(error);
      this.#written = 0;
      // Whether messages come through is another question.
      await asked.send(TIMEOUT, publishCommand.toLowerCase(), wire, text);
      return;
    }
    this.#written += 1;
    if (this.#written >= RECOVERED) this.#refusal = undefined;
    if (replicationId !== asked.replicationId) throw new BegunAnewError();
  }
}
