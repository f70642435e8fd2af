import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { CLOSE } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startGatewayProcess } from './support/gateway-process.js';
import { JWT_SECRET } from './support/gateway.js';
import { TestClient } from './support/test-client.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const QUICK = { HOLDFAST_DEMO: 'false', HOLDFAST_SETTLE_SECONDS: '0', HOLDFAST_DRAIN_SECONDS: '1' };
const SLOW = { HOLDFAST_DEMO: 'false', HOLDFAST_SETTLE_SECONDS: '60', HOLDFAST_DRAIN_SECONDS: '60' };

/** Runs a gateway that is not meant to get anywhere, to its end. */
async function run(env: NodeJS.ProcessEnv): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a stopping process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('told by %s sends its clients elsewhere and exits with 0', async (signal) => {
    const sut = await startGatewayProcess(QUICK);
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
    expect(await sut.stop(signal)).toBe(0);
    expect(client.of('reconnect')).toHaveLength(1);
    expect(await client.closed).toMatchObject({ code: CLOSE.restart.code });
    expect(sut.output()).toContain('drained');
  });

  it('told a second time ends at once, and not with 0', async () => {
    const sut = await startGatewayProcess(SLOW);
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
    sut.child.kill('SIGTERM');
    while ((await fetch(`${sut.url}/health/ready`)).ok);
    const begun = performance.now();
    expect(await sut.stop()).toBe(1);
    expect(performance.now() - begun).toBeLessThan(2_000);
    await client.closed;
  });
});

describe('a process that cannot start', () => {
  it('for its configuration says everything that is wrong on standard error, without the values, and exits with 78', async () => {
    const { code, stdout, stderr } = await run({
      HOLDFAST_PORT: 'eighty',
      HOLDFAST_JWT_SECRET: 'too-short',
      HOLDFAST_LOG_LEVEL: 'loud',
    });
    expect(code).toBe(78);
    expect(stdout).toBe('');
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^holdfast: HOLDFAST_(PORT|JWT_SECRET|LOG_LEVEL): expected /);
    expect(stderr).not.toMatch(/eighty|too-short|loud/);
  });

  it.each(['redis://user:a-password@127.0.0.1/?nonsense=1', 'carrier-pigeon://a-password@127.0.0.1'])(
    'for its broker URL says what is wrong with it, without the URL, and exits with 78',
    async (url) => {
      const { code, stderr } = await run({ HOLDFAST_BROKER: url });
      expect(code).toBe(78);
      expect(stderr).toMatch(/^holdfast: HOLDFAST_BROKER: .*(nonsense|carrier-pigeon)/m);
      expect(stderr).not.toContain('a-password');
    },
  );

  it.each([
    ['HOLDFAST_PORT', 'HOLDFAST_MANAGEMENT_PORT'],
    ['HOLDFAST_MANAGEMENT_PORT', 'HOLDFAST_PORT'],
  ])('for %s being taken says so and exits with 1', async (taken, free) => {
    const port = await takenPort();
    const { code, stderr } = await run({ HOLDFAST_JWT_SECRET: JWT_SECRET, [taken]: String(port), [free]: '0' });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^holdfast: .*address already in use .*:${port}`));
  });
});
