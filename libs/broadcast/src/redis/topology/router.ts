import { setTimeout as sleep } from 'node:timers/promises';
import { STEP_TIMEOUT } from '../../call-deadlines.js';
import { BrokerUnavailableError } from '../../errors.js';
import { brokerError, RedisReplyError, WRONG_SERVER } from '../client/errors.js';
import type { RedisInput } from '../input.js';
import type { Script } from '../scripts/index.js';
import type { RedisNode } from './redis-node.js';
import type { Topology } from './topology.js';

const RETRY_PAUSE = 40;

export interface Call {
  /** The hash tag of all keys. */
  readonly tag: string;
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args?: readonly (string | number)[];
  /** Whether replicas have to confirm it, if the URL asks for that. */
  readonly confirmed?: boolean;
  /** When it must be settled, if earlier than usual; as {@link performance.now}. */
  readonly deadline?: number;
}

type Command = readonly (string | number)[];

/** Sends commands to the node that serves their keys, and follows redirections. */
export class Router {
  readonly #topology: Topology;
  readonly #input: RedisInput;

  constructor(topology: Topology, input: RedisInput) {
    this.#topology = topology;
    this.#input = input;
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async run({ tag, script, keys, args = [], confirmed = false, deadline }: Call): Promise<unknown> {
    return this.#send(tag, ['evalsha', script.sha, keys.length, ...keys, ...args], confirmed, deadline, script);
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async command(tag: string, ...command: Command): Promise<unknown> {
    return this.#send(tag, command);
  }

  /** @param script that the command runs, in case that the server has forgotten it. */
  async #send(tag: string, shortest: Command, confirmed = false, latest = Infinity, script?: Script): Promise<unknown> {
    const deadline = Math.min(performance.now() + STEP_TIMEOUT, latest);
    let command = shortest;
    let redirected: RedisNode | undefined;
    let asking = false;
    for (;;) {
      const node = redirected ?? this.#topology.nodeOf(tag);
      if (node === undefined) throw new BrokerUnavailableError(this.#topology.problem ?? 'not connected');
      try {
        const pipeline = confirmed ? node.publishes : node.requests;
        return await pipeline.send({ command, deadline, asking });
      } catch (error) {
        if (!(error instanceof RedisReplyError) || performance.now() + RETRY_PAUSE > deadline) throw brokerError(error);
        redirected = undefined;
        asking = false;
        switch (error.code) {
          case 'NOSCRIPT':
            if (script !== undefined) command = ['eval', script.body, ...shortest.slice(2)];
            break;
          case 'ASK':
          case 'MOVED':
            // Refused and redirected: following it does not repeat anything that may have been done.
            this.#topology.refresh();
            redirected = this.#topology.redirect(error.target ?? '');
            asking = error.code === 'ASK' && redirected !== undefined;
            if (redirected?.problem !== undefined) await sleep(RETRY_PAUSE);
            break;
          case 'TRYAGAIN':
            await sleep(RETRY_PAUSE);
            break;
          default:
            if (error.code === 'WRONGTYPE') this.#input.key(tag);
            if (WRONG_SERVER.has(error.code)) this.#topology.refresh();
            throw brokerError(error);
        }
      }
    }
  }
}
