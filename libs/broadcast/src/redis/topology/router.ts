import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerUnavailableError } from '../../errors.js';
import { brokerError, RedisReplyError, WRONG_SERVER } from '../client/errors.js';
import type { RedisInput } from '../input.js';
import type { RedisNode } from './redis-node.js';
import type { Script } from '../scripts/index.js';
import type { Topology } from './topology.js';

/** ms within which a command is settled, so that the call that needs it is within its limit. */
export const CALL_TIMEOUT = 1_700;
const RETRY_PAUSE = 40;

export interface Call {
  /** The hash tag of all keys. */
  readonly tag: string;
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args?: readonly (string | number)[];
  /** Whether replicas have to confirm it, where they are asked to. */
  readonly confirmed?: boolean;
  /** For {@link performance.now}: when it must be settled, if that is earlier than usual. */
  readonly deadline?: number;
}

type Command = readonly (string | number)[];

/** Brings commands to the node that serves their keys, and goes where that one redirects them. */
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
  async run({ tag, script, keys, args = [], confirmed = false, deadline = Infinity }: Call): Promise<unknown> {
    const tail = [keys.length, ...keys, ...args];
    return this.#send(tag, ['evalsha', script.sha, ...tail], confirmed, ['eval', script.body, ...tail], deadline);
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async command(tag: string, ...command: Command): Promise<unknown> {
    return this.#send(tag, command, false, command);
  }

  /** @param full the same for a server that has forgotten its scripts. */
  async #send(tag: string, short: Command, confirmed: boolean, full: Command, latest = Infinity): Promise<unknown> {
    const deadline = Math.min(performance.now() + CALL_TIMEOUT, latest);
    let command = short;
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
            command = full;
            break;
          case 'ASK':
          case 'MOVED':
            // Refused, and told where to: this is no second attempt at something that may have been done.
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
