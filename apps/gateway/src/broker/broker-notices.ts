import type { BrokerNotice, LogLoss } from '@holdfast/broadcast';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { ThrottledLog } from '../logging/throttled-log.js';

/** ms for which notices of the same kind about different partitions are collected: most faults concern all of them. */
const COLLECT = 500;

const NEW_EPOCH = 'all channels of these partitions got a new epoch';

const LOSSES: Readonly<Record<LogLoss, string>> = {
  truncated: `the log has lost entries that this pod had read: ${NEW_EPOCH}; check whether a server lost its disk, or a replica that was behind became the leader`,
  recreated: `the log was deleted and created again: ${NEW_EPOCH}; check who deleted it`,
  trimmed:
    'the log removed entries before this pod had read them: subscribers get a gap; check how long the pod was cut off, and the retention of the log',
  digest: `the pods did not read the same entries: ${NEW_EPOCH}; keep the logs of all pods and of the broker, and report it`,
  expired: `the log contains no snapshot, and no pod knows its state: ${NEW_EPOCH}; all pods were away for longer than the log keeps its entries, or snapshots were not written`,
  other_pod: `another pod found that the log is not the same any more: ${NEW_EPOCH}; its log shows why`,
};

type Level = 'info' | 'warn' | 'error';

interface Group {
  readonly notice: BrokerNotice;
  readonly partitions: number[];
}

/** Logs what happened to the broker: one line for all partitions to which it happened at the same time. */
@Injectable()
export class BrokerNotices implements OnApplicationShutdown {
  private readonly log = new ThrottledLog();
  private readonly groups = new Map<string, Group>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectPinoLogger(BrokerNotices.name) private readonly logger: PinoLogger) {}

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
    const groups = [...this.groups];
    this.groups.clear();
    for (const [key, group] of groups) this.write(key, group);
  }

  private write(key: string, { notice, partitions }: Group): void {
    this.log.write(key, (skipped) => {
      const [level, text, fields] = lineOf(notice);
      const where = partitions.length === 0 ? {} : { partitions: partitions.toSorted((one, other) => one - other) };
      const more = skipped === 0 ? {} : { skipped };
      this.logger[level]({ ...where, ...fields, ...more }, text);
    });
  }
}

function keyOf(notice: BrokerNotice): string {
  return notice.kind === 'loss' ? `loss ${notice.loss}` : notice.kind;
}

function lineOf(notice: BrokerNotice): [level: Level, text: string, fields: object] {
  switch (notice.kind) {
    case 'reconnected': {
      const { reason, duration } = notice;
      return ['info', 'a lost connection to the broker was restored', { reason, seconds: seconds(duration) }];
    }
    case 'interrupted':
      return ['info', 'reading the log was interrupted, and begins again', { reason: notice.reason }];
    case 'behind':
      return [
        'warn',
        'this pod is behind the log, and its clients receive messages late; check its CPU, and the broker',
        { seconds: seconds(notice.lag) },
      ];
    case 'caught-up':
      return ['info', 'this pod is no longer behind the log', {}];
    case 'created':
      return ['info', 'the log was empty, and was started', {}];
    case 'loss': {
      const isFault = notice.loss === 'truncated' || notice.loss === 'recreated' || notice.loss === 'digest';
      return [isFault ? 'error' : 'warn', LOSSES[notice.loss], { cause: notice.loss }];
    }
    case 'snapshot-failed':
      return ['warn', 'a snapshot could not be written to the log; trying again', { reason: notice.reason }];
    case 'snapshot-overdue':
      return [
        'warn',
        'the latest snapshot in the log is too old: if no other is written, pods that start will not know positions and histories; check whether the broker accepts entries of 64 KiB',
        { seconds: seconds(notice.age) },
      ];
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
