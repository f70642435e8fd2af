import { describeLogAdapter, type LogServer } from '../log-adapter.contract.js';
import { MemoryLog, type MemoryLogOptions } from './memory-log.js';

function open(options: MemoryLogOptions): LogServer {
  const log = new MemoryLog(options);
  return {
    connect: () => log.connect(),
    cut: async () => log.cut(),
    stop: async () => log.stop(),
    run: async () => log.run(),
    hang: async () => log.hang(),
    resume: async () => log.resume(),
    recreate: async () => log.recreate(),
    truncate: async (partition, count) => log.truncate(partition, count),
    trim: async (partition, before) => log.trim(partition, before),
    close: async () => undefined,
  };
}

describeLogAdapter('MemoryLogAdapter', () => open({}));
describeLogAdapter('MemoryLogAdapter without clock and bounds, with holes and delays', () =>
  open({
    clock: false,
    bounds: false,
    holes: true,
    reportsCuts: false,
    appendsAtOnce: 1,
    delay: () => Math.random() * 3,
  }),
);
