import { setTimeout as sleep } from 'node:timers/promises';
import { describeBrokerFaults, type FaultyServer } from '../testing/describe-broker-faults.js';
import { MemoryLog, type MemoryLogOptions } from '../testing/memory-log/memory-log.js';
import { LogBroker } from './log-broker.js';

/** Entries that are lost of each partition. */
const TAIL = 20;
/** ms for which a server that restarts is away. */
const AWAY = 300;

function open(options: MemoryLogOptions): FaultyServer {
  const log = new MemoryLog(options);
  const restart = async (change: () => void): Promise<void> => {
    log.stop();
    change();
    await sleep(AWAY);
    log.run();
  };
  return {
    connect: () => new LogBroker(log.connect()),
    cut: async () => log.cut(),
    hang: async (duration) => {
      log.hang();
      await sleep(duration);
      log.resume();
    },
    restartEmpty: async () => restart(() => log.recreate()),
    loseTail: async () =>
      restart(() => {
        for (let partition = 0; partition < log.options.partitions; partition += 1) log.truncate(partition, TAIL);
      }),
    close: async () => undefined,
  };
}

describeBrokerFaults('LogBroker', async () => open({}));
describeBrokerFaults('LogBroker on a log without clock and bounds, with holes and delays', async () =>
  open({
    clock: false,
    bounds: false,
    holes: true,
    reportsCuts: false,
    appendsAtOnce: 1,
    delay: () => Math.random() * 4,
  }),
);
