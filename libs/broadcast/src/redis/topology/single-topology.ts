import type { Address } from '../../broker-url.js';
import type { Keyspace } from '../keyspace.js';
import { RedisNode, type NodeEvents } from './redis-node.js';
import { Sentinels } from './sentinels.js';
import type { Topology } from './topology.js';
import type { RedisSettings } from '../url.js';

const PROBE_TAG = 'probe';

/** One server serves everything. Its address comes from the URL, or from the sentinels. */
export class SingleTopology implements Topology {
  readonly #node: RedisNode;
  readonly #sentinels: Sentinels | undefined;

  constructor(settings: RedisSettings, keyspace: Keyspace, pod: string, events: NodeEvents) {
    const [address] = settings.addresses;
    if (address === undefined) throw new Error('settings without an address');
    const sentinels = settings.mode === 'sentinel' ? new Sentinels(settings) : undefined;
    this.#sentinels = sentinels;
    this.#node = new RedisNode({
      settings,
      keyspace,
      pod,
      events,
      locate: async (): Promise<Address> => sentinels?.primary() ?? address,
      probeTag: () => PROBE_TAG,
      isReplaced: async (current) => sentinels?.isReplaced(current) ?? false,
    });
  }

  get nodes(): RedisNode[] {
    return [this.#node];
  }

  get problem(): string | undefined {
    return this.#node.problem;
  }

  start(): void {
    this.#node.start();
  }

  async close(): Promise<void> {
    await this.#node.close();
    this.#sentinels?.close();
  }

  nodeOf(): RedisNode {
    return this.#node;
  }

  redirect(): undefined {
    return undefined;
  }

  isMoving(): boolean {
    return false;
  }

  refresh(): void {
    this.#node.check();
  }
}
