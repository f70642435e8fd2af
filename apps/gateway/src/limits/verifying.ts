import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { Tally } from './tally.js';

/** The largest share of the places that one address may take. */
const ADDRESS_SHARE = 0.25;

/**
 * Upgrades whose client is being verified, which may take as long as the backend or the identity provider needs. They have
 * asked for something, so no silent connection may take their place: they have a bound of their own. Each ends when
 * its verification does, and every step of that has a time limit.
 */
@Injectable()
export class Verifying {
  private count = 0;
  private readonly addresses = new Tally();
  private readonly max: number;
  private readonly maxPerAddress: number;

  constructor(
    @Inject(CONFIG) { limits }: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    this.max = limits.verifying;
    this.maxPerAddress = Math.ceil(this.max * ADDRESS_SHARE);
    metrics.gauge('holdfast_verifying', 'Upgrades whose client is being verified', () => this.count);
  }

  /**
   * Every call that does not throw must be followed by {@link leave}, also if the client has gone by then: its question is
   * still under way.
   *
   * @param address absent if addresses are not told apart.
   * @throws ProtocolError `overloaded`
   */
  enter(address: string | undefined): void {
    if (this.count >= this.max || this.addresses.of(address) >= this.maxPerAddress) {
      this.metrics.limited.inc({ limit: 'verifying' });
      throw new ProtocolError('overloaded', 'too many upgrades');
    }
    this.count += 1;
    this.addresses.add(address);
  }

  leave(address: string | undefined): void {
    this.count -= 1;
    this.addresses.remove(address);
  }
}
