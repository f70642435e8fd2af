import { describe, expect, it } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { Metrics } from '../metrics/metrics.js';
import { HeldMemory } from './held-memory.js';
import { processMemory } from './process-memory.js';
import { SILENT } from '../../test/support/recorded-log.js';

const MIB = 2 ** 20;

function setUp(limits: object = {}, env: NodeJS.ProcessEnv = {}): HeldMemory {
  return new HeldMemory(testConfig({ limits: { memory: 100 * MIB, ...limits } }, env), new Metrics(), SILENT);
}

describe('the memory of connections, subscriptions and channels', () => {
  it('has a limit that is derived from the memory of the process unless it is configured', () => {
    const { total, heap } = processMemory();
    expect(heap).toBeLessThanOrEqual(total);
    const derived = setUp({ memory: undefined });
    expect(derived.limit).toBeGreaterThan(0);
    expect(derived.limit).toBeLessThan(heap);
    expect(derived.maxBuffered).toBeLessThan(total / 4);
    expect(setUp().limit).toBe(100 * MIB);
  });

  it('has a limit for all users together', () => {
    const sut = setUp({ userShare: 1 });
    sut.add({ user: 'ann' }, 60 * MIB);
    expect(sut.full({ user: 'bob' }, 40 * MIB)).toBeUndefined();
    expect(sut.full({ user: 'bob' }, 40 * MIB + 1)).toBe('memory');
    sut.add({ user: 'ann' }, -MIB);
    expect(sut.full({ user: 'bob' }, 41 * MIB)).toBeUndefined();
  });

  it('has a limit per user, which leaves the others their share', () => {
    const sut = setUp();
    sut.add({ user: 'ann' }, 10 * MIB);
    expect(sut.full({ user: 'ann' }, 1)).toBe('user_memory');
    expect(sut.full({ user: 'bob' }, 10 * MIB)).toBeUndefined();
    sut.add({ user: 'ann' }, -10 * MIB);
    expect(sut.full({ user: 'ann' }, 10 * MIB)).toBeUndefined();
  });

  it('includes the full cost of a channel for each of its users, and once for the pod', () => {
    const sut = setUp();
    sut.add({ user: 'ann' }, MIB, 10 * MIB);
    expect(sut.full({ user: 'ann' }, 0, 1)).toBe('user_memory');
    expect(sut.full({ user: 'bob' }, 99 * MIB, 0)).toBeUndefined();
  });

  it('is partly reserved for authenticated users, and anonymous clients of one address have at most the share of a user', () => {
    const sut = setUp();
    const [here, there] = [{ address: '198.51.100.1' }, { address: '198.51.100.2' }];
    sut.add(here, 10 * MIB);
    expect(sut.full(here, 1)).toBe('address_memory');
    expect(sut.full(there, 1)).toBeUndefined();
    sut.add({}, 65 * MIB);
    expect(sut.full(there, 1)).toBe('anonymous_memory');
    expect(sut.full({ user: 'ann' }, MIB)).toBeUndefined();
  });

  it('is available to anonymous clients without a reserve if users cannot authenticate', () => {
    const sut = setUp({}, { HOLDFAST_JWT_SECRET: '' });
    expect(sut.full({}, 100 * MIB)).toBeUndefined();
  });

  it('is full while the process is short of memory', () => {
    const sut = setUp();
    sut.isShort = true;
    expect(sut.full({ user: 'ann' }, 1)).toBe('memory');
  });
});
