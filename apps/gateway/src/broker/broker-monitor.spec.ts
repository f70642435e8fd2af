import { createBroker, type Broker, type BrokerCapabilities, type BrokerHealth } from '@holdfast/broadcast';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { recordedLog } from '../../test/support/recorded-log.js';
import { BrokerMonitor } from './broker-monitor.js';

const INTERVAL_MS = 500;
const DOWN: BrokerHealth = { status: 'down', reason: 'ECONNREFUSED' };

/** A monitor of a broker with configurable health, and its log. */
function monitorOf(health: BrokerHealth, capabilities: Partial<BrokerCapabilities> = {}) {
  const broker = {
    health: vi.fn<() => BrokerHealth>(() => health),
    capabilities: { ...createBroker('memory:').capabilities, ...capabilities },
  };
  const { log, lines } = recordedLog();
  const sut = new BrokerMonitor(broker as unknown as Broker, testConfig(), log);
  onTestFinished(() => sut.onApplicationShutdown());
  const check = (next: BrokerHealth): Promise<unknown> => {
    broker.health.mockReturnValue(next);
    return vi.advanceTimersByTimeAsync(INTERVAL_MS);
  };
  return { sut, broker, lines, check };
}

describe('BrokerMonitor', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('knows immediately that a broker without connections is up, and logs nothing', async () => {
    const { sut, lines } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    expect(sut.hasBegun).toBe(true);
    expect(lines).toEqual([]);
  });

  it('does not use a broker that turns out to have too small a limit, and says which setting exceeds it', async () => {
    const { sut, broker, lines, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    broker.capabilities.maxPayload = 1_000;
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(false);
    expect(sut.problem).toContain('connection.maxPayload: the broker supports at most 1000 bytes');
    expect(lines.map(({ event }) => event)).toEqual(['broker.down']);
    broker.capabilities.maxPayload = Infinity;
    await check({ status: 'up' });
    expect(sut.problem).toBeUndefined();
    expect(sut.hasBegun).toBe(true);
  });

  it('logs nothing if the broker connects quickly', async () => {
    const { sut, lines, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    await check({ status: 'up' });
    expect(sut.hasBegun).toBe(true);
    expect(lines).toEqual([]);
  });

  it('remembers that the broker was up, and logs each change once', async () => {
    const { sut, lines, check } = monitorOf(DOWN);
    await sut.watch(async () => {});
    for (let times = 0; times < 3; times += 1) await check(DOWN);
    expect(sut.hasBegun).toBe(false);
    const down = { event: 'broker.down', reason: 'ECONNREFUSED' };
    expect(lines.splice(0)).toMatchObject([{ ...down, msg: expect.stringContaining('not ready') }]);
    await check({ status: 'up' });
    expect(lines.splice(0)).toMatchObject([{ event: 'broker.up' }]);
    for (let times = 0; times < 3; times += 1) await check(DOWN);
    expect(sut.hasBegun).toBe(true);
    expect(lines).toMatchObject([{ ...down, msg: expect.stringContaining('clients stay') }]);
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
    const { sut, lines, check } = monitorOf({ status: 'up' });
    await sut.watch(async () => {});
    sut.onApplicationShutdown();
    await check(DOWN);
    expect(lines).toEqual([]);
  });
});
