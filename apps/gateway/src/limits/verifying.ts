import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { Tally } from './tally.js';

/** The largest share of the places for one address. */
const ADDRESS_SHARE = 0.25;

/**
 * Upgrades whose client is being verified, which takes as long as the backend or the identity provider needs. They have
 * a limit of their own, so that silent connections cannot push them out. Each ends with its verification, every step of
 * which has a time limit.
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
    metrics.gauge('holdfast_verifying', 'Upgrades waiting for the verification of their client', () => this.count);
  }

  /**
   * Every call that does not throw must be followed by {@link leave}, even if the client has gone: its verification is
   * still in progress.
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
