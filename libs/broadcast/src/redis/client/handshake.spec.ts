import { describe, expect, it } from 'vitest';
import { evictionPolicy, incompatibility, parseInfo } from './handshake.js';

const USABLE = { redis_version: '7.0.15', loading: '0', cluster_enabled: '0', role: 'master' };

function infoOf(fields: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const lines = Object.entries({ ...USABLE, ...fields }).map(([name, value]) => `${name}:${value}`);
  return parseInfo(['# Server', ...lines, ''].join('\r\n'));
}

describe('a server', () => {
  it.each([{}, { redis_version: '7.2.4' }, { redis_version: '10.0.0' }])('with %j can be used', (fields) => {
    expect(incompatibility(infoOf(fields), false)).toBeUndefined();
  });

  it.each([
    [{ redis_version: '6.2.14' }, 'Redis 7.0 or later is required, this is 6.2.14'],
    [{ redis_version: '' }, 'Redis 7.0 or later is required, this is '],
    [{ loading: '1' }, 'the server is loading its data'],
    [{ role: 'slave' }, 'the server is a replica'],
    [{ cluster_enabled: '1' }, 'the server is a node of a cluster: use redis+cluster://'],
  ])('with %j cannot be used', (fields, problem) => {
    expect(incompatibility(infoOf(fields), false)).toBe(problem);
  });

  it.each([
    [{ maxmemory: '1048576', maxmemory_policy: 'allkeys-lru' }, 'allkeys-lru'],
    [{ maxmemory: '1048576', maxmemory_policy: 'noeviction' }, undefined],
    [{ maxmemory: '0', maxmemory_policy: 'allkeys-lru' }, undefined],
    [{}, undefined],
  ])('with %j evicts by %s', (fields, policy) => {
    expect(evictionPolicy(infoOf(fields))).toBe(policy);
  });

  it('that is not a node of a cluster cannot be used as one', () => {
    expect(incompatibility(infoOf({}), true)).toBe('the server is not a node of a cluster');
  });
});
