import type { Broker, BrokerHealth } from '@holdfast/broadcast';
import type { PinoLogger } from 'nestjs-pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BrokerMonitor } from './broker-monitor.js';

const LOOK = 500;
const DOWN: BrokerHealth = { status: 'down', reason: 'ECONNREFUSED' };

/** A monitor of a broker whose health the test says, and what it has logged. */
function monitorOf(health: BrokerHealth) {
  const broker = { health: vi.fn<() => BrokerHealth>(() => health) };
  const logger = { warn: vi.fn<(fields: unknown, text: string) => void>(), info: vi.fn<(text: string) => void>() };
  const sut = new BrokerMonitor(broker as unknown as Broker, logger as unknown as PinoLogger);
  onTestFinished(() => sut.onApplicationShutdown());
  const look = (next: BrokerHealth): Promise<unknown> => {
    broker.health.mockReturnValue(next);
    return vi.advanceTimersByTimeAsync(LOOK);
  };
  return { sut, logger, look };
}

describe('BrokerMonitor', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('knows at once of a broker that needs no connection, and has nothing to say of it', async () => {
    const { sut, logger } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).not.toHaveBeenCalled();
    expect(logger.info).not.toHaveBeenCalled();
  });

  it('says nothing of a broker that connects quickly', async () => {
    const { sut, logger, look } = monitorOf(DOWN);
    await sut.watch(async () => {});
    await look({ status: 'up' });
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('remembers that the broker was up, and says each change once', async () => {
    const { sut, logger, look } = monitorOf(DOWN);
    await sut.watch(async () => {});
    for (let times = 0; times < 3; times += 1) await look(DOWN);
    expect(sut.hasBegun).toBe(false);
    expect(logger.warn.mock.calls).toEqual([[{ reason: 'ECONNREFUSED' }, expect.stringContaining('not ready')]]);
    await look({ status: 'up' });
    expect(logger.info).toHaveBeenCalledTimes(1);
    for (let times = 0; times < 3; times += 1) await look(DOWN);
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).toHaveBeenCalledTimes(2);
    expect(logger.warn).toHaveBeenLastCalledWith({ reason: 'ECONNREFUSED' }, expect.stringContaining('clients stay'));
  });

  it('asks for what is to be done after each outage until it is done, and does not count the broker as up before', async () => {
    const { sut, look } = monitorOf(DOWN);
    const onUp = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('no answer')).mockResolvedValue();
    await sut.watch(onUp);
    await look({ status: 'up' });
    expect(sut.hasBegun).toBe(false);
    await look({ status: 'up' });
    expect(sut.hasBegun).toBe(true);
    await look({ status: 'up' });
    expect(onUp).toHaveBeenCalledTimes(2);
    await look(DOWN);
    await look({ status: 'up' });
    expect(onUp).toHaveBeenCalledTimes(3);
  });

  it('stops with the application', async () => {
    const { sut, logger, look } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    sut.onApplicationShutdown();
    await look(DOWN);
    expect(logger.warn).not.toHaveBeenCalled();
  });
});
