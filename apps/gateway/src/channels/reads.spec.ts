import { describe, expect, it } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { settled } from '../../test/support/pod.js';
import { HeldMemory } from '../limits/held-memory.js';
import { Quotas } from '../limits/quotas.js';
import { Metrics } from '../metrics/metrics.js';
import { Reads, type Reader } from './reads.js';
import { SILENT } from '../../test/support/recorded-log.js';

const MIB = 2 ** 20;

function setUp(readBytes: object = {}): Reads {
  const config = testConfig({ limits: { readBytes } });
  const metrics = new Metrics();
  const memory = new HeldMemory(config, metrics, SILENT);
  return new Reads(memory, new Quotas(config, memory, metrics));
}

function reader(key: string): Reader {
  return { key, open: true, charged: { user: key, client: key, address: undefined } };
}

describe('reads whose replies are larger than their requests', () => {
  it('of one user wait for each other, but do not delay those of other users', async () => {
    const sut = setUp();
    const begun: string[] = [];
    const answers: (() => void)[] = [];
    const read = (key: string): Promise<number> =>
      sut.run(
        reader(key),
        () => {
          begun.push(key);
          return new Promise<number>((resolve) => answers.push(() => resolve(1)));
        },
        (size) => size,
      );
    const reads = [...Array.from({ length: 50 }, () => read('greedy')), read('modest')];
    await settled();
    expect(begun).toEqual(['greedy', 'greedy', 'greedy', 'greedy', 'modest']);
    while (answers.length > 0) {
      answers.shift()?.();
      await settled();
    }
    expect(await Promise.all(reads)).toHaveLength(51);
  });

  it('are charged by the size of their replies: a user above the quota is refused until it has recovered', async () => {
    const sut = setUp({ burst: 3 * MIB, perSecond: 10 * MIB });
    const read = (key: string): Promise<number> =>
      sut.run(
        reader(key),
        () => Promise.resolve(MIB),
        (size) => size,
      );
    for (let n = 0; n < 3; n += 1) await read('ann');
    await expect(read('ann')).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await read('bob')).toBe(MIB);
    await expect.poll(() => read('ann').catch(() => 0)).toBe(MIB);
  });

  it('are not started for closed connections, and free their slot if they fail', async () => {
    const sut = setUp();
    for (let n = 0; n < 10; n += 1)
      await expect(
        sut.run(
          reader('ann'),
          () => Promise.reject(new Error('no')),
          () => 0,
        ),
      ).rejects.toThrow('no');
    const gone = { ...reader('ann'), open: false };
    await expect(
      sut.run(
        gone,
        () => expect.unreachable(),
        () => 0,
      ),
    ).rejects.toMatchObject({ code: 'not_connected' });
    expect(
      await sut.run(
        reader('ann'),
        () => Promise.resolve(1),
        () => 0,
      ),
    ).toBe(1);
  });
});
