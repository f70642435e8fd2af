import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../broker.js';
import type { LogAdapter } from '../../log/log-adapter.js';
import type { FaultyServer } from '../describe-broker-faults.js';
import type { FaultyLogServer } from '../describe-log-broker-faults.js';
import { MemoryLog, type MemoryLogOptions } from './memory-log.js';

/** Entries that are lost of each partition. */
const TAIL = 20;
/** ms for which a server that restarts is away. */
const AWAY = 300;

/** A log in memory as a server for the tests of brokers under load. */
export function faultyLog(
  options: MemoryLogOptions,
  brokerOn: (adapter: LogAdapter) => Broker,
): FaultyServer & FaultyLogServer {
  const log = new MemoryLog(options);
  const partitions = Array.from({ length: log.options.partitions }, (_, partition) => partition);
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
        for (const partition of partitions) log.truncate(partition, TAIL);
      }),
    silence: () => log.hang(),
    restore: () => log.resume(),
    kill: async () => log.stop(),
    run: async () => log.run(),
    deleteLog: async () => log.recreate(),
    purge: async () => {
      for (const partition of partitions) log.trim(partition, Infinity);
    },
    close: async () => undefined,
  };
}
