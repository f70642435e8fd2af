import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeGateway } from './fake-gateway.js';

let gateway: FakeGateway;
let children: Child[];
beforeEach(async () => {
  gateway = await FakeGateway.start();
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await gateway.stop();
});

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function holdfast(...args: string[]): Child {
  const hooks = new URL('run-from-source.js', import.meta.url).href;
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', '--import', hooks, main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  children.push(child);
  return child;
}

async function exit(child: Child): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal ?? 'nothing';
}

describe('the process holdfast', () => {
  it('publishes piped input', async () => {
    const child = holdfast('publish', 'room', '--text', '--url', gateway.url);
    child.stdin.end('hello\n');
    const [code, output, errors] = await Promise.all([exit(child), text(child.stdout), text(child.stderr)]);
    expect(errors).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual({ epoch: 'epoch-1', offset: 1 });
    expect(gateway.requestsOf('publish')).toMatchObject([{ data: 'hello' }]);
  });

  it('publishes each line of its input as soon as it has arrived, and prints each position at once', async () => {
    const child = holdfast('publish', 'room', '--text', '--lines', '--url', gateway.url);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    for (const [index, word] of ['one', 'two'].entries()) {
      child.stdin.write(`${word}\n`);
      expect(JSON.parse((await lines.next()).value as string)).toEqual({ epoch: 'epoch-1', offset: index + 1 });
    }
    child.stdin.end('three');
    expect(await exit(child)).toBe(0);
    expect(gateway.requestsOf('publish').map(({ data }) => data)).toEqual(['one', 'two', 'three']);
  });

  it('exits with 2 on incorrect usage', async () => {
    const child = holdfast('tail');
    const [code, errors] = await Promise.all([exit(child), text(child.stderr)]);
    expect(code).toBe(2);
    expect(errors).toBe("holdfast: missing required argument 'channel' (see holdfast tail --help)\n");
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('closes a tail cleanly at %s', async (signal) => {
    const child = holdfast('tail', 'room', '--url', gateway.url);
    const errors = text(child.stderr);
    await vi.waitFor(() => expect(gateway.requestsOf('subscribe')).toHaveLength(1));
    const closed = gateway.latest.closed;
    child.kill(signal);
    expect(await exit(child), await errors).toBe(0);
    expect(await closed).toBe(1000);
  });

  it('exits quietly when the reader of its pipe exits', async () => {
    const child = holdfast('tail', 'room', '--url', gateway.url);
    const errors = text(child.stderr);
    await vi.waitFor(() => expect(gateway.requestsOf('subscribe')).toHaveLength(1));
    child.stdout.destroy();
    const exited = exit(child);
    // The first write may go into the closing pipe.
    const publishing = setInterval(() => gateway.publish('room', 'hello'), 50);
    const code = await exited;
    clearInterval(publishing);
    expect(code).toBe(0);
    expect(await errors).not.toMatch(/EPIPE|Error/);
  });
});
