import { createBroker, type Broker, type BrokerCapabilities, type BrokerHealth } from '@holdfast/broadcast';
import type { PinoLogger } from 'nestjs-pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { BrokerMonitor } from './broker-monitor.js';

const INTERVAL_MS = 500;
const DOWN: BrokerHealth = { status: 'down', reason: 'ECONNREFUSED' };

/** A monitor of a broker with configurable health, and its log. */
function monitorOf(health: BrokerHealth, capabilities: Partial<BrokerCapabilities> = {}) {
  const broker = {
    health: vi.fn<() => BrokerHealth>(() => health),
    capabilities: { ...createBroker('memory:').capabilities, ...capabilities },
  };
  const logger = { warn: vi.fn<(fields: unknown, text: string) => void>(), info: vi.fn<(text: string) => void>() };
  const sut = new BrokerMonitor(broker as unknown as Broker, testConfig(), logger as unknown as PinoLogger);
  onTestFinished(() => sut.onApplicationShutdown());
  const check = (next: BrokerHealth): Promise<unknown> => {
    broker.health.mockReturnValue(next);
    return vi.advanceTimersByTimeAsync(INTERVAL_MS);
  };
  return { sut, broker, logger, check };
}

describe('BrokerMonitor', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('knows immediately that a broker without connections is up, and logs nothing', async () => {
    const { sut, logger } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).not.toHaveBeenCalled();
    expect(logger.info).not.toHaveBeenCalled();
  });

  it('does not use a broker that turns out to have too small a limit, and says which setting exceeds it', async () => {
    const { sut, broker, logger, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    broker.capabilities.maxPayload = 1_000;
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(false);
    expect(sut.problem).toContain('connection.maxPayload: the broker supports at most 1000 bytes');
    expect(logger.warn).toHaveBeenCalledTimes(1);
    broker.capabilities.maxPayload = Infinity;
    await check({ status: 'up' });
    expect(sut.problem).toBeUndefined();
    expect(sut.hasBegun).toBe(true);
  });

  it('logs nothing if the broker connects quickly', async () => {
    const { sut, logger, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('remembers that the broker was up, and logs each change once', async () => {
    const { sut, logger, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    for (let times = 0; times < 3; times += 1) await check(DOWN);
    expect(sut.hasBegun).toBe(false);
    expect(logger.warn.mock.calls).toEqual([[{ reason: 'ECONNREFUSED' }, expect.stringContaining('not ready')]]);
    await check({ status: 'up' });
    expect(logger.info).toHaveBeenCalledTimes(1);
    for (let times = 0; times < 3; times += 1) await check(DOWN);
    expect(sut.hasBegun).toBe(true);
    expect(logger.warn).toHaveBeenCalledTimes(2);
    expect(logger.warn).toHaveBeenLastCalledWith({ reason: 'ECONNREFUSED' }, expect.stringContaining('clients stay'));
  });

  it('retries the recovery after an outage until it succeeds, and does not report the broker as up before', async () => {
    const { sut, check } = monitorOf(DOWN);
    const onUp = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('no answer')).mockResolvedValue();
    await sut.watch(onUp);
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(false);
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(true);
    await check({ status: 'up' });
    expect(onUp).toHaveBeenCalledTimes(2);
    await check(DOWN);
    await check({ status: 'up' });
    expect(onUp).toHaveBeenCalledTimes(3);
  });

  it('stops with the application', async () => {
    const { sut, logger, check } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    sut.onApplicationShutdown();
    await check(DOWN);
    expect(logger.warn).not.toHaveBeenCalled();
  });
});
