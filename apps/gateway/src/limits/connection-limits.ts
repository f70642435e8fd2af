import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Connections } from '../gateway/connections.js';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import type { FullLimit, Newcomer } from './census.js';
import { clientAddress } from './client-address.js';
import { connectionCost, HeldMemory, type FullShare } from './held-memory.js';
import { Overload } from './overload.js';
import { RateTable } from './rate-table.js';

const REFUSALS: Readonly<Record<FullLimit | FullShare, [ErrorCode, string?]>> = {
  pod_connections: ['overloaded', 'too many connections'],
  user_connections: ['too_many_connections'],
  address_connections: ['too_many_connections'],
  memory: ['overloaded', 'too many connections'],
  user_memory: ['too_many_connections'],
  address_memory: ['too_many_connections'],
  anonymous_memory: ['overloaded', 'too many anonymous clients'],
};

/** Whether there is room for another connection. */
@Injectable()
export class ConnectionLimits {
  private readonly podRate: LeakyBucket;
  private readonly addressRates: RateTable;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Overload) private readonly overload: Overload,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    const { perPod, perAddress } = config.limits.connectionRate;
    this.podRate = new LeakyBucket(perPod.burst, perPod.perSecond);
    this.addressRates = new RateTable(perAddress);
  }

  /**
   * Takes an upgrade, before anything else of it is looked at: where there is too much to do, this must cost least.
   *
   * @returns the address that its client is counted by; undefined where addresses are not told apart.
   * @throws ProtocolError `overloaded` or `rate_limited`
   */
  takeUpgrade(request: IncomingMessage): string | undefined {
    if (this.overload.isOverloaded) throw new ProtocolError('overloaded');
    const { trustedHops } = this.config.limits;
    const address = trustedHops === undefined ? undefined : clientAddress(request, trustedHops);
    // First, so that one address alone does not use up the rate of all.
    if (address !== undefined && !this.addressRates.add(address)) {
      this.metrics.limited.inc({ limit: 'address_connection_rate' });
      throw new ProtocolError('rate_limited');
    }
    if (!this.podRate.add()) {
      this.metrics.limited.inc({ limit: 'pod_connection_rate' });
      throw new ProtocolError('overloaded', 'too many upgrades');
    }
    return address;
  }

  /** @throws ProtocolError `overloaded` or `too_many_connections` */
  checkRoom(newcomer: Newcomer): void {
    const limit = this.connections.census.full(newcomer) ?? this.fullShare(newcomer);
    if (limit === undefined) return;
    this.metrics.limited.inc({ limit });
    throw new ProtocolError(...REFUSALS[limit]);
  }

  /** A connection that takes over from another takes no more of a share: the other one ends. */
  private fullShare(newcomer: Newcomer): FullShare | undefined {
    const limit = this.memory.full(newcomer, connectionCost(undefined));
    return limit !== 'memory' && this.connections.census.has(newcomer.client) ? undefined : limit;
  }
}
