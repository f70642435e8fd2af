import type { ChannelsQuery } from '../../broker.js';
import { ANSWERS, type RedisInput } from '../input.js';
import { podTag, type Keyspace } from '../keyspace.js';
import type { PodStore } from './pod-store.js';
import type { Router } from '../topology/router.js';

/** Lists channels, from what each pod that is alive has noted. */
export class ChannelList {
  readonly #router: Router;
  readonly #names: Keyspace;
  readonly #pods: PodStore;
  readonly #input: RedisInput;

  constructor(router: Router, names: Keyspace, pods: PodStore, input: RedisInput) {
    this.#input = input;
    this.#router = router;
    this.#names = names;
    this.#pods = pods;
  }

  async page({ prefix = '', after = '', limit }: ChannelsQuery): Promise<string[]> {
    if (limit < 1) return [];
    const pods = await this.#pods.alive();
    // Whatever sorts before the prefix begins with it no more than what sorts behind it does.
    const start = after >= prefix && after !== '' ? `(${after}` : `[${prefix}`;
    const pages = await Promise.all(
      [...pods].map(async (pod) => {
        const key = this.#names.podIndex(pod, 'channels');
        const range = ['zrange', key, start === '[' ? '-' : start, '+', 'bylex', 'limit', 0, limit] as const;
        return this.#input.answer(ANSWERS.names, await this.#router.command(podTag(pod), ...range), pod);
      }),
    );
    const names = new Set(pages.flat().filter((name) => name.startsWith(prefix)));
    return [...names].toSorted().slice(0, limit);
  }
}
