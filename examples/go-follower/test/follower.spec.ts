import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { API_KEY, JWT_SECRET, startGateway } from '../../../apps/gateway/test/support/gateway.js';
import { startTcpProxy } from '../../../apps/gateway/test/support/tcp-proxy.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

it.skipIf(spawnSync('go', ['version']).status !== 0)(
  'the service in Go receives each message once, across a restart and a lost connection',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-follower-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const program = join(folder, 'follower');
    execFileSync('go', ['build', '-o', program, '.'], { cwd: FOLDER });
    const gateway = await startGateway();
    const proxy = await startTcpProxy(gateway.port);
    const publish = async (text: string): Promise<void> => {
      const response = await fetch(`${gateway.url}/api/publish`, {
        method: 'POST',
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ channel: 'chat:lobby', data: text }),
      });
      expect(response.status).toBe(200);
    };
    let [output, log] = ['', ''];
    const start = async (): Promise<ChildProcess> => {
      log = '';
      const child = spawn(program, {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { HOLDFAST_URL: `ws://127.0.0.1:${proxy.port}/ws`, HOLDFAST_JWT_SECRET: JWT_SECRET },
      });
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
      onTestFinished(() => void child.kill('SIGKILL'));
      await vi.waitFor(() => expect(log).toContain('following chat:lobby'));
      return child;
    };
    const first = await start();
    await publish('one');
    await vi.waitFor(() => expect(output).toBe('1 "one"\n'));
    first.kill();
    await once(first, 'close');
    await publish('two');
    const second = await start();
    await vi.waitFor(() => expect(output).toBe('1 "one"\n2 "two"\n'));
    proxy.cut();
    await publish('three');
    await vi.waitFor(() => expect(output).toBe('1 "one"\n2 "two"\n3 "three"\n'));
    second.kill();
    await once(second, 'close');
    expect(existsSync(join(folder, 'position.json'))).toBe(true);
  },
);
