import type { BrokerNotice, LogLoss } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventLog } from '../logging/event-log.js';
import type { EventName } from '../logging/events.js';

/** ms for which notices of the same kind about different partitions are collected: most faults concern all of them. */
const COLLECT = 500;

const LOSSES = {
  truncated: 'broker.log_truncated',
  recreated: 'broker.log_recreated',
  trimmed: 'broker.log_trimmed',
  digest: 'broker.log_differs',
  expired: 'broker.log_expired',
  other_pod: 'broker.log_changed',
} as const satisfies Readonly<Record<LogLoss, EventName>>;

interface Group {
  readonly notice: BrokerNotice;
  readonly partitions: number[];
}

/** Logs what happened to the broker: one line for all partitions to which it happened at the same time. */
@Injectable()
export class BrokerNotices implements OnApplicationShutdown {
  private readonly groups = new Map<string, Group>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(EventLog) private readonly log: EventLog) {}

  add(notice: BrokerNotice): void {
    const key = keyOf(notice);
    const group = this.groups.get(key) ?? { notice, partitions: [] };
    this.groups.set(key, group);
    if ('partition' in notice && !group.partitions.includes(notice.partition)) group.partitions.push(notice.partition);
    this.timer ??= setTimeout(() => this.flush(), COLLECT).unref();
  }

  onApplicationShutdown(): void {
    this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const groups = [...this.groups.values()];
    this.groups.clear();
    for (const group of groups) this.write(group);
  }

  private write({ notice, ...group }: Group): void {
    const partitions = group.partitions.toSorted((one, other) => one - other);
    switch (notice.kind) {
      case 'reconnected':
        return this.log.write('broker.reconnected', { reason: notice.reason, seconds: seconds(notice.duration) });
      case 'evicts':
        return this.log.write('broker.evicts', { policy: notice.policy });
      case 'interrupted':
        return this.log.write('broker.log_interrupted', { partitions, reason: notice.reason });
      case 'behind':
        return this.log.write('broker.behind', { partitions, seconds: seconds(notice.lag) });
      case 'caught-up':
        return this.log.write('broker.caught_up', { partitions });
      case 'created':
        return this.log.write('broker.log_started', { partitions });
      case 'loss':
        return this.log.write(LOSSES[notice.loss], { partitions, cause: notice.loss });
      case 'snapshot-failed':
        return this.log.write('broker.snapshot_failed', { partitions, reason: notice.reason });
      case 'snapshot-overdue':
        return this.log.write('broker.snapshot_overdue', { partitions, seconds: seconds(notice.age) });
    }
  }
}

function keyOf(notice: BrokerNotice): string {
  return notice.kind === 'loss' ? `loss ${notice.loss}` : notice.kind;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
