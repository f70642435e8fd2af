import type { Address } from '../broker-url.js';
import type { BrokerConnection } from './connection.js';
import { BrokerLink } from './link.js';

/** A broker answers the requests of a connection one after the other: a long poll needs one of its own. */
export type LinkKind = 'calls' | 'fetches';

/** As in metadata. */
export interface BrokerAddress extends Address {
  readonly nodeId: number;
}

export type OpenConnection = (address: Address, kind: LinkKind, signal: AbortSignal) => Promise<BrokerConnection>;

interface Broker {
  readonly address: BrokerAddress;
  readonly links: Readonly<Record<LinkKind, BrokerLink>>;
}

/** The brokers of the cluster, with two connections to each. */
export class Brokers {
  readonly #open: OpenConnection;
  readonly #onLost: () => void;
  readonly #bootstrap: readonly BrokerLink[];
  readonly #known = new Map<number, Broker>();
  #turn = 0;

  constructor(bootstrap: readonly Address[], open: OpenConnection, onLost: () => void) {
    this.#open = open;
    this.#onLost = onLost;
    this.#bootstrap = bootstrap.map((address) => this.#link(address, 'calls'));
  }

  get size(): number {
    return this.#known.size;
  }

  link(nodeId: number, kind: LinkKind): BrokerLink | undefined {
    return this.#known.get(nodeId)?.links[kind];
  }

  /**
   * The links on which to ask for metadata, those with a connection first. Each call begins with another one: a broker that is cut
   * off from the others goes on to answer what it knew.
   */
  candidates(): BrokerLink[] {
    const all = [...this.#known.values()].map(({ links }) => links.calls);
    this.#turn = (this.#turn + 1) % Math.max(all.length, 1);
    const known = [...all.slice(this.#turn), ...all.slice(0, this.#turn)];
    const open = known.filter(({ isOpen }) => isOpen);
    return [...open, ...known.filter((link) => !open.includes(link)), ...this.#bootstrap];
  }

  /** Replaces the known brokers. Links to a broker whose address has not changed are kept. */
  update(addresses: readonly BrokerAddress[]): void {
    const current = new Map(addresses.map((address) => [address.nodeId, address]));
    for (const [nodeId, { address, links }] of this.#known) {
      const { host, port } = current.get(nodeId) ?? {};
      if (host === address.host && port === address.port) continue;
      for (const link of Object.values(links)) link.close();
      this.#known.delete(nodeId);
    }
    for (const address of addresses) {
      if (this.#known.has(address.nodeId)) continue;
      const links = { calls: this.#link(address, 'calls'), fetches: this.#link(address, 'fetches') };
      this.#known.set(address.nodeId, { address, links });
    }
    // From now on, the known brokers answer.
    for (const link of this.#bootstrap) link.drop();
  }

  close(): void {
    const known = [...this.#known.values()].flatMap(({ links }) => Object.values(links));
    for (const link of [...known, ...this.#bootstrap]) link.close();
  }

  #link(address: Address, kind: LinkKind): BrokerLink {
    return new BrokerLink(
      async (signal) => this.#open(address, kind, signal),
      () => this.#onLost(),
    );
  }
}
