import type { Connection } from './connection.js';
import { RedisReplyError } from './errors.js';
import type { NodeOptions, RedisNode } from './redis-node.js';

const INTERVAL = 1_000;
/** ms within which everything must have been answered and heard. */
const TIMEOUT = 2_000;

/**
 * Notices a connection that is dead or leads to a demoted server, although nothing was closed: every second both
 * connections are asked for the server's role, and a message is published on the one and awaited on the other.
 */
export class Probe {
  readonly #node: RedisNode;
  readonly #options: NodeOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #stopped = false;
  #hurried = false;
  #round = 0;
  #awaited: { readonly wire: string; readonly text: string; readonly heard: () => void } | undefined;
  #subscribed: { readonly connection: Connection; readonly wire: string } | undefined;

  constructor(node: RedisNode, options: NodeOptions) {
    this.#node = node;
    this.#options = options;
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
    const looked = (): void => {
      this.#running = false;
      if (!this.#stopped) this.#timer = setTimeout(() => this.#next(), this.#hurried ? INTERVAL / 10 : INTERVAL);
    };
    this.#look().then(looked, looked);
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
    if (commandsProblem === undefined && subscriberProblem === undefined && !(await this.#carries(asked, listening))) {
      if (listening === subscriber.connection) subscriber.reset('a message did not come through');
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
    const before = Date.now();
    const time = await connection.send(TIMEOUT, 'time').catch(() => undefined);
    if (!Array.isArray(time)) return;
    const after = Date.now();
    // A long way there or back says little.
    if (after - before > TIMEOUT / 10) return;
    const server = Number(time[0]) * 1_000 + Number(time[1]) / 1_000;
    this.#options.events.onClock(server - (before + after) / 2);
  }

  async #carries(asked: Connection, listening: Connection): Promise<boolean> {
    const { names, pod, probeTag, events } = this.#options;
    const tag = probeTag();
    if (tag === undefined) return true;
    const wire = names.probe(tag, pod);
    const sharded = names.publishCommand === 'SPUBLISH';
    try {
      if (this.#subscribed?.connection !== listening || this.#subscribed.wire !== wire) {
        this.#subscribed = { connection: listening, wire };
        await listening.send(TIMEOUT, sharded ? 'ssubscribe' : 'subscribe', wire);
      }
      return await this.#hearsOf(wire, asked);
    } catch (error) {
      this.#subscribed = undefined;
      const moved = error instanceof RedisReplyError && (error.code === 'MOVED' || error.code === 'ASK');
      if (moved) events.onSlotsMoved(listening);
      // What was refused was answered: the connections are alive.
      return error instanceof RedisReplyError;
    }
  }

  async #hearsOf(wire: string, asked: Connection): Promise<boolean> {
    const { publishCommand } = this.#options.names;
    const text = `${this.#round}`;
    let timer: NodeJS.Timeout | undefined;
    const heard = new Promise<boolean>((resolve) => {
      this.#awaited = { wire, text, heard: () => resolve(true) };
      timer = setTimeout(() => resolve(false), TIMEOUT);
    });
    try {
      await asked.send(TIMEOUT, publishCommand.toLowerCase(), wire, text);
      return await heard;
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
    }
  }
}
