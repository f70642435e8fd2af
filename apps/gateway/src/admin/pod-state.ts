import { BROKER, brokerKind, type Broker, type BrokerStats } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { BrokerMonitor } from '../broker/broker-monitor.js';
import { Hub } from '../channels/hub.js';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import { Readiness } from '../health/readiness.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { HeldMemory } from '../limits/held-memory.js';
import { Overload } from '../limits/overload.js';
import { Metrics } from '../metrics/metrics.js';
import { UserCommands } from '../users/user-commands.js';
import type { State } from './answers.js';
import { fingerprintOf } from './fingerprint.js';
import { VERSION } from './version.js';

/** How many slow consumers are listed. */
const SLOWEST = 10;

/** What this pod knows about itself. */
@Injectable()
export class PodState {
  private readonly fingerprint: string;

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(HeldMemory) private readonly memory: HeldMemory,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(Overload) private readonly overload: Overload,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(UserCommands) private readonly commands: UserCommands,
  ) {
    this.fingerprint = fingerprintOf(config);
  }

  async read(): Promise<State> {
    const { config, connections, hub, metrics } = this;
    const reasons = this.readiness.problems();
    return {
      node: config.node,
      version: VERSION,
      uptime: Math.round(process.uptime() * 1_000),
      now: Date.now(),
      configuration: this.fingerprint,
      stage: this.lifecycle.stage,
      drain: { settle: config.drain.settle, window: config.drain.window },
      ready: reasons.length === 0,
      reasons,
      overloaded: this.overload.isOverloaded,
      broker: this.brokerState(await this.broker.stats()),
      connections: connections.count,
      clients: connections.counter.clients,
      users: connections.counter.distinctUsers,
      channels: hub.size,
      subscriptions: hub.subscriptionCount,
      limits: this.limits(),
      totals: {
        ...metrics.totals,
        slowConsumers: await totalOf(metrics.slowConsumers),
        gaps: await totalOf(metrics.gaps),
      },
      slowConsumers: connections.backlog.largest(SLOWEST).map(slowConsumer),
    };
  }

  private brokerState({ reconnects, memory, log, evictionPolicy, feed }: BrokerStats): State['broker'] {
    const health = this.broker.health();
    const reason = health.status === 'down' ? health.reason : this.monitor.problem;
    const lags = [...(feed === undefined ? [] : [feed.lag]), ...(log?.partitions ?? []).map(({ lag }) => lag)];
    const { epoch } = this.commands;
    const { lastOutage } = this.monitor;
    return {
      kind: brokerKind(this.config.broker.current),
      up: this.monitor.isUp && health.status === 'up',
      ...(reason === undefined ? {} : { reason }),
      now: this.broker.now(),
      ...(epoch === undefined ? {} : { epoch }),
      ...(lags.length === 0 ? {} : { lag: Math.max(0, ...lags) }),
      reconnects,
      ...(lastOutage === undefined ? {} : { lastOutage }),
      ...(evictionPolicy === undefined ? {} : { evictionPolicy }),
      ...(memory === undefined ? {} : { memory: { used: Math.round(memory.bytes), max: Math.round(memory.maxBytes) } }),
      ...(log === undefined
        ? {}
        : {
            partitions: log.partitions.map(({ partition, problem, lag, isBehind, unread }) => ({
              partition,
              ...(problem === undefined ? {} : { problem }),
              lag: Math.max(0, lag),
              isBehind,
              ...(unread === undefined ? {} : { unread }),
            })),
          }),
    };
  }

  private limits(): State['limits'] {
    const { config, connections, hub, memory, overload } = this;
    const { perPod } = config.limits.connections;
    const { channels } = config.limits;
    return [
      ...(perPod === undefined
        ? []
        : [{ name: 'connections' as const, used: connections.counter.clients, max: perPod }]),
      ...(channels === undefined ? [] : [{ name: 'channels' as const, used: hub.size, max: channels }]),
      { name: 'heldBytes', used: memory.inUse, max: memory.limit },
      { name: 'bufferedBytes', used: connections.backlog.total, max: memory.maxBuffered },
      {
        name: 'memoryBytes',
        used: Math.round(overload.memory * memory.total),
        max: Math.round(config.overload.maxMemory * memory.total),
      },
      {
        name: 'eventLoopDelayMs',
        used: Math.round(overload.eventLoopDelayMs * 10) / 10,
        max: config.overload.maxEventLoopDelay,
      },
    ];
  }
}

async function totalOf(counter: Counter): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}

function slowConsumer({ id, client, user, waitingBytes }: Connection): State['slowConsumers'][number] {
  return { connection: id, client, ...(user === undefined ? {} : { user }), waiting: waitingBytes };
}
