import { describe, expect, it, vi } from 'vitest';
import type { Case, Sample } from './cases/case.ts';
import { holdfastDialect } from './load/dialects/holdfast.ts';
import { rotated, runAll } from './run.ts';
import { Unavailable, type Server, type ServerName } from './servers/server.ts';

vi.mock('./load/tokens.ts', () => ({ availableTokens: async () => [] }));
vi.spyOn(process.stderr, 'write').mockReturnValue(true);

function server(name: ServerName, prepare?: () => Promise<void>): Server {
  return {
    name,
    title: name,
    dialect: holdfastDialect,
    launch: () => ({ command: 'true', args: [] }),
    ...(prepare === undefined ? {} : { prepare }),
  };
}

function measured(run: Case['run'], maxRounds?: number): Case {
  const servers: ServerName[] = ['holdfast', 'ws', 'floor'];
  const described = { name: 'case', title: '', servers, metrics: [], targets: [], quick: [] };
  return { ...described, run, ...(maxRounds === undefined ? {} : { maxRounds }) };
}

async function failsForWs({ name }: Server): Promise<Sample> {
  if (name === 'ws') throw new Error('lost a message');
  return { values: {} };
}

async function lacksRedis(): Promise<Sample> {
  throw new Unavailable('needs redis-server');
}

describe('runAll', () => {
  it('runs every server in each round, in a different order', async () => {
    const turns: string[] = [];
    const run: Case['run'] = async ({ name }) => {
      turns.push(name);
      return { values: { cpu: turns.length } };
    };
    const compared = [server('holdfast'), server('ws')];
    const { cases } = await runAll({ plan: [{ measured: measured(run), compared }], quick: false, rounds: 2 });
    expect(turns).toEqual(['holdfast', 'ws', 'ws', 'holdfast']);
    expect(cases[0]?.samples.map(({ round }) => round)).toEqual([0, 0, 1, 1]);
  });

  it('continues after a failed sample, and reports it', async () => {
    const compared = [server('ws'), server('holdfast')];
    const { cases } = await runAll({ plan: [{ measured: measured(failsForWs), compared }], quick: false, rounds: 1 });
    expect(cases[0]?.failures).toEqual([{ server: 'ws', round: 0, error: 'Error: lost a message' }]);
    expect(cases[0]?.samples).toHaveLength(1);
  });

  it('omits a server that cannot be built, and says why', async () => {
    const floor = server('floor', async () => {
      throw new Unavailable('needs cc, which is not on the PATH');
    });
    const run = vi.fn<Case['run']>(async () => ({ values: {} }));
    const results = await runAll({
      plan: [{ measured: measured(run), compared: [floor, server('ws')] }],
      quick: true,
      rounds: 1,
    });
    expect(results.unavailable).toEqual({ floor: 'needs cc, which is not on the PATH' });
    expect(run).toHaveBeenCalledOnce();
  });

  it('omits a case whose requirements are missing', async () => {
    const { cases } = await runAll({
      plan: [{ measured: measured(lacksRedis), compared: [server('ws')] }],
      quick: false,
      rounds: 1,
    });
    expect(cases[0]).toMatchObject({ leftOut: 'needs redis-server', failures: [] });
  });

  it('repeats a case at most maxRounds times', async () => {
    const run = vi.fn<Case['run']>(async () => ({ values: {} }));
    await runAll({ plan: [{ measured: measured(run, 1), compared: [server('ws')] }], quick: false, rounds: 3 });
    expect(run).toHaveBeenCalledOnce();
  });
});

describe('rotated', () => {
  it('begins with another element each time, and wraps around', () => {
    expect([0, 1, 2, 3].map((by) => rotated(['a', 'b', 'c'], by).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(rotated([], 1)).toEqual([]);
  });
});
