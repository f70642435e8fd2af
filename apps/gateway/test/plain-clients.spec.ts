import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startGateway } from './support/gateway.js';
import { systemProgram } from './support/system-package.js';

const PYTHON = '/usr/bin/python3';
const PYTHON_CLIENT = fileURLToPath(new URL('support/plain_client.py', import.meta.url));

interface Frame {
  readonly event: string;
  readonly id?: number;
  readonly data: Record<string, unknown>;
}

/** A client that only follows docs/protocol.md, with the platform's WebSocket. */
function plainClient(url: string, protocols: readonly string[] = []) {
  const socket = new WebSocket(url, ['holdfast.v1.json', ...protocols]);
  const frames: Frame[] = [];
  const waiting: (() => void)[] = [];
  socket.addEventListener('message', ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    socket,
    async first(matches: (frame: Frame) => boolean): Promise<Record<string, unknown>> {
      for (;;) {
        const frame = frames.find(matches);
        if (frame !== undefined) return frame.data;
        await new Promise<void>((wake) => waiting.push(wake));
      }
    },
    ask(id: number, event: string, data: unknown) {
      socket.send(JSON.stringify({ event, id, data }));
      return this.first((frame) => frame.id === id);
    },
  };
}

describe('a client without a library that follows docs/protocol.md', () => {
  it("works with Node's WebSocket: it subscribes, publishes, reconnects and misses nothing", async () => {
    const { webSocketUrl } = await startGateway();
    const ann = plainClient(webSocketUrl);
    const welcome = await ann.first(({ event }) => event === 'welcome');
    expect(ann.socket.protocol).toBe('holdfast.v1.json');
    const { epoch } = await ann.ask(1, 'subscribe', { channel: 'chat:plain' });
    await ann.ask(2, 'publish', { channel: 'chat:plain', data: 'one' });
    expect(await ann.first(({ event }) => event === 'message')).toMatchObject({ offset: 1, data: 'one' });
    ann.socket.close();

    const bob = plainClient(webSocketUrl);
    await bob.first(({ event }) => event === 'welcome');
    await bob.ask(1, 'publish', { channel: 'chat:plain', data: 'two' });

    const back = plainClient(webSocketUrl, [`session.${String(welcome['session'])}`]);
    expect(await back.first(({ event }) => event === 'welcome')).toMatchObject({ client: welcome['client'] });
    const reply = await back.ask(1, 'subscribe', { channel: 'chat:plain', since: { epoch, offset: 1 } });
    expect(reply).toMatchObject({ recovered: true, replay: 1, offset: 2 });
    expect(await back.first(({ event }) => event === 'message')).toMatchObject({ offset: 2, data: 'two' });
    bob.socket.close();
    back.socket.close();
  });

  it("works with Python's websockets", { timeout: 300_000 }, async () => {
    const python = systemProgram(
      PYTHON,
      ['python3-websockets'],
      () => spawnSync(PYTHON, ['-c', 'import websockets']).status === 0,
    );
    const { webSocketUrl } = await startGateway();
    const { stdout } = await promisify(execFile)(python, [PYTHON_CLIENT, webSocketUrl]);
    expect(JSON.parse(stdout)).toMatchObject({ channel: 'chat:python', offset: 2, data: 'two' });
  });
});
