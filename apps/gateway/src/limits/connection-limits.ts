import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Connections } from '../gateway/connections.js';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import type { FullLimit, Newcomer } from './census.js';
import { clientAddress, isPrivate } from './client-address.js';
import { SOCKETS } from './descriptors.js';
import { connectionCost, HeldMemory, type FullShare } from './held-memory.js';
import { Overload } from './overload.js';
import { RateTable, type Rate } from './rate-table.js';
import { CONNECT_COST, Senders, type Origin } from './senders.js';

/** The reserve for upgrades whose token was verified, as a share of the rate of all. */
const RESERVE = 0.5;

/** How long a connect may wait for its turn, and how often it looks, in ms. */
const CONNECT_WITHIN_MS = 2_000;
const TURN_MS = 50;

/** The rate of upgrades that cannot succeed, as a share of the rate of all. */
const REFUSALS_SHARE = 0.2;

/** How many tokens are verified before the rate of all is asked, as a multiple of it. A check costs less than an upgrade. */
const TRIALS = 4;

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
  private readonly reserve: LeakyBucket;
  private readonly trials: LeakyBucket;
  private readonly refusals: LeakyBucket;
  private readonly addressRates: RateTable;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Overload) private readonly overload: Overload,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(Senders) private readonly senders: Senders,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    const { perPod, perAddress } = config.limits.connectionRate;
    this.podRate = bucketOf(perPod);
    this.reserve = bucketOf(perPod, RESERVE);
    this.trials = bucketOf(perPod, TRIALS);
    this.refusals = bucketOf(perPod, REFUSALS_SHARE);
    this.addressRates = new RateTable(perAddress);
  }

  /**
   * Asked before anything else of an upgrade is looked at: if there is too much to do, a refusal must cost least.
   *
   * @throws ProtocolError `overloaded`
   */
  checkOverload(): void {
    if (this.overload.isOverloaded) throw new ProtocolError('overloaded');
  }

  /**
   * Whether an upgrade that cannot succeed, whoever sends it, is answered. Such upgrades have a rate of their own, so that
   * they use up nobody else's, and what is beyond it costs us no answer.
   */
  takeRefusal(): boolean {
    if (this.refusals.add()) return true;
    this.metrics.limited.inc({ limit: 'refusals' });
    return false;
  }

  /**
   * Takes an upgrade that might succeed.
   *
   * @returns the address that its client is counted by; undefined where addresses are not told apart.
   * @throws ProtocolError `rate_limited`
   */
  takeFromAddress(request: IncomingMessage): string | undefined {
    const { trustedHops, privateAddresses } = this.config.limits;
    if (trustedHops === undefined) return undefined;
    const address = clientAddress(request, trustedHops);
    if (!privateAddresses && isPrivate(address)) return undefined;
    if (!this.addressRates.add(address)) {
      this.metrics.limited.inc({ limit: 'address_connection_rate' });
      throw new ProtocolError('rate_limited');
    }
    return address;
  }

  /** Whether a token may be verified before the rate of all is asked: the answer decides which rate counts. */
  takeTrial(): boolean {
    return this.trials.add();
  }

  /**
   * Takes an upgrade out of the pod's rate. Nobody can use up the reserve without a valid token.
   *
   * @param isProven whether its token was verified.
   * @throws ProtocolError `overloaded`
   */
  takeUpgrade(isProven: boolean): void {
    if ((isProven && this.reserve.add()) || this.podRate.add()) return;
    this.metrics.limited.inc({ limit: 'pod_connection_rate' });
    throw new ProtocolError('overloaded', 'too many upgrades');
  }

  /** @throws ProtocolError `overloaded` or `too_many_connections` */
  checkRoom(newcomer: Newcomer): void {
    if (this.connections.count >= SOCKETS.webSockets) {
      this.metrics.limited.inc({ limit: 'descriptors' });
      throw new ProtocolError('overloaded', 'too many connections');
    }
    const limit = this.connections.census.full(newcomer) ?? this.fullShare(newcomer);
    if (limit === undefined) return;
    this.metrics.limited.inc({ limit });
    throw new ProtocolError(...REFUSALS[limit]);
  }

  /**
   * Counts a connect for its user. While the user has sent too much it waits.
   *
   * @throws ProtocolError `rate_limited` if it has waited for too long.
   */
  async takeConnect(origin: Origin): Promise<void> {
    const sender = this.senders.of(origin);
    for (let waited = 0; sender.exceeded !== undefined; waited += TURN_MS) {
      if (waited === 0) this.metrics.limited.inc({ limit: 'user_connection_rate' });
      if (waited >= CONNECT_WITHIN_MS) throw new ProtocolError('rate_limited');
      await sleep(TURN_MS, undefined, { ref: false });
    }
    sender.pour(CONNECT_COST);
  }

  /** A connection that takes over from another takes no more of a share: the other one ends. */
  private fullShare(newcomer: Newcomer): FullShare | undefined {
    const limit = this.memory.full(newcomer, connectionCost(undefined));
    return limit !== 'memory' && this.connections.census.newestOf(newcomer.session) !== undefined ? undefined : limit;
  }
}

function bucketOf({ burst, perSecond }: Rate, share = 1): LeakyBucket {
  return new LeakyBucket(Math.ceil(burst * share), perSecond * share);
}
