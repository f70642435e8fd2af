import { describe, expect, it } from 'vitest';
import { parseInfo, incompatibility } from './handshake.js';

const FIT = { redis_version: '7.0.15', loading: '0', cluster_enabled: '0', role: 'master' };

function infoOf(fields: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const lines = Object.entries({ ...FIT, ...fields }).map(([name, value]) => `${name}:${value}`);
  return parseInfo(['# Server', ...lines, ''].join('\r\n'));
}

describe('a server', () => {
  it.each([{}, { redis_version: '7.2.4' }, { redis_version: '10.0.0' }])('with %j is fit', (fields) => {
    expect(incompatibility(infoOf(fields), false)).toBeUndefined();
  });

  it.each([
    [{ redis_version: '6.2.14' }, 'Redis 7.0 or later is needed, this is 6.2.14'],
    [{ redis_version: '' }, 'Redis 7.0 or later is needed, this is '],
    [{ loading: '1' }, 'the server is loading its data'],
    [{ role: 'slave' }, 'the server is a replica'],
    [{ cluster_enabled: '1' }, 'this is a node of a cluster: expected redis+cluster://'],
  ])('with %j is not', (fields, problem) => {
    expect(incompatibility(infoOf(fields), false)).toBe(problem);
  });

  it('that is no node of a cluster does not pass for one', () => {
    expect(incompatibility(infoOf({}), true)).toBe('this is no node of a cluster');
  });
});
