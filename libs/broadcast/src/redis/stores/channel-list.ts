import type { ChannelsQuery } from '../../broker.js';
import { ANSWERS } from '../input.js';
import { podTag } from '../keyspace.js';
import type { StoreContext } from './context.js';
import type { RedisPodStore } from './pod-store.js';

/** Lists channels from the indexes of all live pods. */
export class ChannelList {
  readonly #context: StoreContext;
  readonly #pods: RedisPodStore;

  constructor(context: StoreContext, pods: RedisPodStore) {
    this.#context = context;
    this.#pods = pods;
  }

  async page({ prefix = '', after = '', limit }: ChannelsQuery): Promise<string[]> {
    if (limit < 1) return [];
    const { router, keyspace, input } = this.#context;
    const pods = await this.#pods.alive();
    // A name that sorts before the prefix cannot begin with it, so that the later of the two is where to start.
    const start = after >= prefix && after !== '' ? `(${after}` : `[${prefix}`;
    const pages = await Promise.all(
      [...pods].map(async (pod) => {
        const key = keyspace.podIndex(pod, 'channels');
        const range = ['zrange', key, start === '[' ? '-' : start, '+', 'bylex', 'limit', 0, limit] as const;
        return input.answer(ANSWERS.names, await router.command(podTag(pod), ...range), pod);
      }),
    );
    const names = new Set(pages.flat().filter((name) => name.startsWith(prefix)));
    return [...names].toSorted().slice(0, limit);
  }
}
