import { describeBroker } from '../testing/describe-broker.js';
import { MemoryLog, type MemoryLogOptions } from '../testing/memory-log/memory-log.js';
import type { BrokerServer } from '../testing/describe-broker.js';
import { LogBroker } from './log-broker.js';

function open(options: MemoryLogOptions = {}): BrokerServer {
  const log = new MemoryLog(options);
  return { connect: () => new LogBroker(log.connect(), { linger: 200 }), close: async () => undefined };
}

describeBroker('LogBroker', () => open());
describeBroker('LogBroker on a log without clock and bounds, with holes', () =>
  open({ clock: false, bounds: false, holes: true, appendsAtOnce: 1 }),
);
