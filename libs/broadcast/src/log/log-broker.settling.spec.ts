import { describeSettling } from '../testing/settling.contract.js';
import { MemoryLog } from '../testing/memory-log/memory-log.js';
import { LogBroker } from './log-broker.js';

const STALLS = ['hangs', 'stores and does not answer', 'loses what is sent', 'refuses', 'is away'];

describeSettling('LogBroker', STALLS, async () => {
  const log = new MemoryLog();
  return {
    connect: () => new LogBroker(log.connect()),
    stalls: {
      hangs: () => log.hang(),
      'stores and does not answer': () => (log.fate = () => 'unacknowledged'),
      'loses what is sent': () => (log.fate = () => 'lost'),
      refuses: () => (log.fate = () => 'refused'),
      'is away': () => log.stop(),
    },
    close: async () => undefined,
  };
});
