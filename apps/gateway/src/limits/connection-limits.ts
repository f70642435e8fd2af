import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { LeakyBucket } from './leaky-bucket.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { ClientCounter, type FullLimit, type Newcomer } from './client-counter.js';
import { clientAddress, isPrivate } from './client-address.js';
import { SOCKETS } from './descriptors.js';
import { connectionCost, HeldMemory, type FullShare } from './held-memory.js';
import { Overload } from './overload.js';
import { RateTable, type Rate } from './rate-table.js';
import type { QuotaUser } from './quotas.js';
import { CONNECT_COST, Senders } from './senders.js';

/** The part of the rate that is reserved for upgrades with a verified token. */
const RESERVE = 0.5;

/** How long a connect may wait for its turn, and how often it checks, in ms. */
const CONNECT_WITHIN_MS = 2_000;
const TURN_MS = 50;

/** The rate of upgrades that cannot succeed, as a share of the shared rate. */
const REFUSALS_SHARE = 0.2;

/**
 * How many tokens may be verified before the shared rate applies, as a multiple of it. Verifying costs less than an
 * upgrade.
 */
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

/** Decides whether there is room for another connection, and whether upgrades come too fast. */
@Injectable()
export class ConnectionLimits {
  private readonly podRate: LeakyBucket;
  private readonly reserve: LeakyBucket;
  private readonly trials: LeakyBucket;
  private readonly refusals: LeakyBucket;
  private readonly addressRates: RateTable;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ClientCounter) private readonly clients: Pick<ClientCounter<never>, 'full' | 'newestOf'>,
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
   * The first check of every upgrade: under overload, a refusal must be as cheap as possible.
   *
   * @throws ProtocolError `overloaded`
   */
  checkOverload(): void {
    if (this.overload.isOverloaded) throw new ProtocolError('overloaded');
  }

  /**
   * Whether to answer an upgrade that cannot succeed, whoever sent it. Such upgrades have a rate of their own, so that
   * they take nothing from valid ones. Those beyond the rate get no answer.
   */
  takeRefusal(): boolean {
    if (this.refusals.add()) return true;
    this.metrics.limited.inc({ limit: 'refusals' });
    return false;
  }

  /**
   * Counts an upgrade that might succeed against its address.
   *
   * @returns the address to count the client by; undefined if addresses are not told apart.
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

  /** Whether a token may be verified before the shared rate applies. Its validity decides which rate counts. */
  takeTrial(): boolean {
    return this.trials.add();
  }

  /**
   * Counts an upgrade against the pod's rate. Without a valid token nobody can use up the reserve.
   *
   * @param isProven whether its token was verified.
   * @throws ProtocolError `overloaded`
   */
  takeUpgrade(isProven: boolean): void {
    if ((isProven && this.reserve.add()) || this.podRate.add()) return;
    this.metrics.limited.inc({ limit: 'pod_connection_rate' });
    throw new ProtocolError('overloaded', 'too many upgrades');
  }

  /**
   * @param open how many connections there are.
   * @throws ProtocolError `overloaded` or `too_many_connections`
   */
  checkRoom(newcomer: Newcomer, open: number): void {
    if (open >= SOCKETS.webSockets) {
      this.metrics.limited.inc({ limit: 'descriptors' });
      throw new ProtocolError('overloaded', 'too many connections');
    }
    const limit = this.clients.full(newcomer) ?? this.fullShare(newcomer);
    if (limit === undefined) return;
    this.metrics.limited.inc({ limit });
    throw new ProtocolError(...REFUSALS[limit]);
  }

  /**
   * Counts a connect for its user. It waits while the user has sent too much.
   *
   * @throws ProtocolError `rate_limited` if it has waited for too long.
   */
  async takeConnect(origin: QuotaUser): Promise<void> {
    const sender = this.senders.of(origin);
    for (let waited = 0; sender.exceeded !== undefined; waited += TURN_MS) {
      if (waited === 0) this.metrics.limited.inc({ limit: 'user_connection_rate' });
      if (waited >= CONNECT_WITHIN_MS) throw new ProtocolError('rate_limited');
      await sleep(TURN_MS, undefined, { ref: false });
    }
    sender.pour(CONNECT_COST);
  }

  /** A connection that replaces another one of its session takes no additional share: the other one ends. */
  private fullShare(newcomer: Newcomer): FullShare | undefined {
    const limit = this.memory.full(newcomer, connectionCost(undefined));
    return limit !== 'memory' && this.clients.newestOf(newcomer.session) !== undefined ? undefined : limit;
  }
}

function bucketOf({ burst, perSecond }: Rate, share = 1): LeakyBucket {
  return new LeakyBucket(Math.ceil(burst * share), perSecond * share);
}
