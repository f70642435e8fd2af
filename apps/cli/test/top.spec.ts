import { describe, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../gateway/test/support/gateway.js';
import { Running, type RunOptions } from './test-io.js';

const ADMIN_KEY = 'an-admin-key-of-the-tests';
const INTERVAL = ['--interval', '20ms'];

async function start(): Promise<TestGateway> {
  return startGateway({}, { HOLDFAST_ADMIN_KEYS: ADMIN_KEY });
}

function top({ managementUrl }: TestGateway, args: string[], options: RunOptions = {}): Running {
  const env = { HOLDFAST_CLI_ADMIN_URL: managementUrl, HOLDFAST_CLI_ADMIN_KEY: ADMIN_KEY };
  return new Running(['top', ...INTERVAL, ...args], { ...options, env });
}

describe('holdfast top', () => {
  it('prints one plain line each time if the output is not a terminal', async () => {
    const gateway = await start();
    await (await gateway.connect()).subscribe('chat:a');
    const sut = top(gateway, ['--count', '3']);
    expect(await sut.exitCode, sut.stderr).toBe(0);
    expect(sut.lines).toHaveLength(3);
    for (const line of sut.lines) {
      expect(line).toMatch(/^test-node {2}ready {2}broker memory up {2}1 connections {2}1 channels {2}/);
    }
  });

  it('redraws a terminal until it is interrupted', async () => {
    const gateway = await start();
    const sut = top(gateway, [], { isTerminal: true });
    await vi.waitFor(() => expect(sut.stdout.split('\u001B[H\u001B[J').length).toBeGreaterThan(3), 15_000);
    sut.interrupt();
    expect(await sut.exitCode, sut.stderr).toBe(0);
    expect(sut.stdout).toMatch(/state {5}ready\n/);
    expect(sut.stdout).toMatch(/heldBytes +\S+ \w+ +of \S+ \w+ +\d+ %/);
  });

  it('shows the rates since the previous look', async () => {
    const gateway = await start();
    const client = await gateway.connect();
    const sut = top(gateway, ['--json']);
    await vi.waitFor(() => expect(sut.lines.length).toBeGreaterThan(0), 15_000);
    await client.publish('chat:a', 1);
    await vi.waitFor(() => expect(sut.json.at(-1)).toMatchObject({ totals: { published: 1 } }), 15_000);
    sut.interrupt();
    expect(await sut.exitCode).toBe(0);
    expect(sut.json[0]).toMatchObject({ node: 'test-node', totals: { published: 0 } });
  });

  it('says how to reach a pod if nothing answers', async () => {
    const sut = new Running(['top'], {
      env: { HOLDFAST_CLI_ADMIN_URL: 'http://127.0.0.1:1', HOLDFAST_CLI_ADMIN_KEY: ADMIN_KEY },
    });
    expect(await sut.exitCode).toBe(69);
    expect(sut.stderr).toContain('kubectl port-forward deployment/holdfast 8001');
  });
});
