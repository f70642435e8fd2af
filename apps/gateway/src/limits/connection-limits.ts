import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Connections } from '../gateway/connections.js';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import type { Newcomer } from './census.js';
import { clientAddress } from './client-address.js';
import { SOCKETS } from './descriptors.js';
import { Overload } from './overload.js';
import { RateTable } from './rate-table.js';

/** Whether there is room for another connection. */
@Injectable()
export class ConnectionLimits {
  private readonly podRate: LeakyBucket;
  private readonly addressRates: RateTable;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Overload) private readonly overload: Overload,
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
    if (this.connections.count >= SOCKETS.webSockets) {
      this.metrics.limited.inc({ limit: 'descriptors' });
      throw new ProtocolError('overloaded', 'too many connections');
    }
    const limit = this.connections.census.full(newcomer);
    if (limit === undefined) return;
    this.metrics.limited.inc({ limit });
    if (limit === 'pod_connections') throw new ProtocolError('overloaded', 'too many connections');
    throw new ProtocolError('too_many_connections');
  }
}
