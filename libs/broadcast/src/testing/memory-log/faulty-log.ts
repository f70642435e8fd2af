import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../broker.js';
import type { LogAdapter } from '../../log/log-adapter.js';
import type { FaultyServer } from '../describe-broker-faults.js';
import { MemoryLog, type MemoryLogOptions } from './memory-log.js';

/** Entries that are lost of each partition. */
const TAIL = 20;
/** ms for which a server that restarts is away. */
const AWAY = 300;

/** A log in memory as a server for the tests of brokers under load. */
export function faultyLog(options: MemoryLogOptions, brokerOn: (adapter: LogAdapter) => Broker): FaultyServer {
  const log = new MemoryLog(options);
  const restart = async (change: () => void): Promise<void> => {
    log.stop();
    change();
    await sleep(AWAY);
    log.run();
  };
  return {
    connect: () => brokerOn(log.connect()),
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
