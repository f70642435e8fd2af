import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { CLOSE } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startGatewayProcess } from './support/gateway-process.js';
import { JWT_SECRET } from './support/gateway.js';
import { TestClient } from './support/test-client.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const QUICK = { HOLDFAST_DEMO: 'false', HOLDFAST_SETTLE_SECONDS: '0', HOLDFAST_DRAIN_SECONDS: '1' };
const SLOW = { HOLDFAST_DEMO: 'false', HOLDFAST_SETTLE_SECONDS: '60', HOLDFAST_DRAIN_SECONDS: '60' };

/** Runs a gateway that is expected to fail, to its end. */
async function run(env: NodeJS.ProcessEnv): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}

/** A port that is in use. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a stopping process', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)(
    'asks its clients to move and exits with 0 on %s',
    async (signal) => {
      const sut = await startGatewayProcess(QUICK);
      const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
      expect(await sut.stop(signal)).toBe(0);
      expect(client.of('reconnect')).toHaveLength(1);
      expect(await client.closed).toMatchObject({ code: CLOSE.restart.code });
      expect(sut.output()).toContain('drained');
    },
  );

  it('exits at once, and not with 0, on a second signal', async () => {
    const sut = await startGatewayProcess(SLOW);
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
    sut.child.kill('SIGTERM');
    while ((await fetch(`${sut.url}/health/ready`)).ok);
    const begun = new Stopwatch();
    expect(await sut.stop()).toBe(1);
    expect(begun.elapsed).toBeLessThan(5_000);
    await client.closed;
  });
});

/** Makes a gateway run `code` when it receives SIGUSR2. */
function onSignal(code: string): NodeJS.ProcessEnv {
  const module = `process.on('SIGUSR2', () => { ${code} })`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}

describe('an uncaught error', () => {
  // Not in the code itself, which a stack trace may contain.
  const SECRET = { A_SECRET: 'redis://user:a-password@host/?token=a-token' };
  const secret = 'process.env.A_SECRET';

  it.each([
    ['a rejection', `Promise.reject(Object.assign(new Error(${secret}), { command: ${secret} }))`],
    ['an exception', `throw new Error(${secret})`],
    ['a value that is not an error', `throw ${secret}`],
  ])('(%s) is logged in one line, and leads to a drain and exit code 1', async (_name, code) => {
    const sut = await startGatewayProcess({ ...QUICK, NODE_ENV: 'production', ...SECRET, ...onSignal(code) });
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
    expect(await sut.stop('SIGUSR2')).toBe(1);
    expect(client.of('reconnect')).toHaveLength(1);
    expect(await client.closed).toMatchObject({ code: CLOSE.restart.code });
    const lines = sut.output().trim().split('\n');
    const fatal = lines.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level === 60);
    expect(fatal).toEqual([expect.objectContaining({ msg: expect.any(String), err: expect.any(Object) })]);
    expect(sut.output()).not.toContain('a-password');
    expect(sut.output()).not.toContain('a-token');
  });

  it('does not interrupt a drain if it occurs again, and neither does a first signal', async () => {
    const sut = await startGatewayProcess({
      ...QUICK,
      HOLDFAST_SETTLE_SECONDS: '1',
      NODE_ENV: 'production',
      ...onSignal(`Promise.reject(new Error('again'))`),
    });
    const client = await TestClient.connect(`ws://127.0.0.1:${sut.port}/ws`);
    sut.child.kill('SIGUSR2');
    while ((await fetch(`${sut.url}/health/ready`)).ok);
    sut.child.kill('SIGUSR2');
    expect(await sut.stop()).toBe(1);
    expect(client.of('reconnect')).toHaveLength(1);
    expect(await client.closed).toMatchObject({ code: CLOSE.restart.code });
    expect(sut.output().match(/"level":60/g)).toHaveLength(2);
  });

  it('during the start is logged in one line, and leads to exit code 1', async () => {
    const thrown = `--import=data:text/javascript,${encodeURIComponent("setTimeout(() => { throw new Error('early') }, 1)")}`;
    const { code } = await run({ NODE_OPTIONS: thrown, HOLDFAST_PORT: '0', HOLDFAST_MANAGEMENT_PORT: '0', ...QUICK });
    expect(code).toBe(1);
  });
});

describe('file descriptors', () => {
  it('are kept for other clients when there are many silent connections', async () => {
    const sut = await startGatewayProcess(QUICK, 1_024);
    const url = `ws://127.0.0.1:${sut.port}/ws`;
    const before = await TestClient.connect(url);
    const silent = Array.from({ length: 1_100 }, () => connect(sut.port, '127.0.0.1').on('error', () => undefined));
    onTestFinished(() => silent.forEach((socket) => socket.destroy()));
    await Promise.all(silent.filter(({ connecting }) => connecting).map((socket) => once(socket, 'connect')));
    // Also while they are connected: only connections of their kind are closed.
    const during = await TestClient.connect(url);
    expect(await during.request('ping')).toEqual({});
    expect((await fetch(`${sut.url}/health/live`)).status).toBe(200);
    for (const socket of silent) socket.destroy();
    const after = await TestClient.connect(url);
    for (const client of [before, during, after]) expect(await client.request('ping')).toEqual({});
    expect(sut.child.exitCode).toBeNull();
    expect(await sut.stop()).toBe(0);
    expect(sut.output()).not.toContain('uncaught');
  });
});

describe('a process that cannot start', () => {
  it('because of its configuration reports all problems on standard error, without the values, and exits with 78', async () => {
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
    'because of its broker URL reports what is wrong with it, without the URL, and exits with 78',
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
  ])('because %s is in use says so, names what sets it, and exits with 1', async (taken, free) => {
    const port = await takenPort();
    const { code, stderr } = await run({ HOLDFAST_JWT_SECRET: JWT_SECRET, [taken]: String(port), [free]: '0' });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^holdfast: .*address already in use .*:${port}; .*set .*${taken}`));
  });
});
