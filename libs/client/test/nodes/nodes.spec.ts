import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway } from '../setup.js';
import { Application } from './application.js';
import { installNodes, MAJORS } from './versions.js';

const WAIT = { timeout: 20_000, interval: 20 };

let nodes: Map<string, string>;
let folder: string;
let library: string;

// Installing takes a minute or two.
beforeAll(async () => {
  nodes = await installNodes();
  const outputs = (await build({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    logLevel: 'silent',
    build: { write: false, sourcemap: false },
  })) as Rolldown.RolldownOutput[];
  const [chunk] = outputs.flatMap(({ output }) => output);
  if (chunk?.type !== 'chunk') throw new Error('expected a chunk');
  folder = await mkdtemp(join(tmpdir(), 'holdfast-nodes-'));
  await writeFile(join(folder, 'client.mjs'), chunk.code);
  library = pathToFileURL(join(folder, 'client.mjs')).href;
}, 600_000);
afterAll(() => rm(folder, { recursive: true }));

describe.each(MAJORS)('in Node %s', (major) => {
  const start = (script: string): Application => new Application(nodes.get(major) ?? '', library, script);

  it('subscribes, publishes, calls and reads, and lets the process exit after close', async () => {
    const gateway = await startGateway();
    gateway.scripts['order'] = (_, data) => ({ reply: data });
    const sut = start(`
      report(process.versions.node.split('.')[0]);
      const client = new Holdfast(${JSON.stringify(gateway.url)}, { ...options, token: async () => 'a token' });
      const loop = (async () => { for await (const { data } of client.subscribe('room')) return data; })();
      await client.publish('room', 'hello');
      report(await loop, await client.call('order', 'tea'), (await client.history('room')).offset);
      await client.close();`);

    expect(await sut.ended()).toBe(0);
    expect(sut.lines).toEqual([major, 'hello tea 1']);
  });

  it('comes back after a close with 1000 that nobody asked for, and after dials that fail', async () => {
    const gateway = await startGateway();
    const sut = start(`
      const client = new Holdfast(${JSON.stringify(gateway.url)}, { ...options, backoff: { base: 50, max: 200 } });
      client.on('state', ({ state, welcome }) => report(state, welcome?.node ?? ''));
      client.on('error', ({ code }) => report('error', code));`);
    await sut.reports('connected pod-1');
    gateway.refuseUpgrades = 503;
    gateway.peers[0]?.socket.close(1000);
    // Without the event \`close\` of a failed dial, each attempt would take 10 s.
    await vi.waitFor(() => expect(gateway.refused).toBeGreaterThanOrEqual(3), { timeout: 9_000, interval: 20 });
    gateway.refuseUpgrades = undefined;
    await sut.reports('connected pod-2');

    expect(sut.lines).not.toContain('closed ');
  });

  it('after the machine stopped: rejects a publish as unknown, and notices a dead connection within 3 s', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 4_000 });
    gateway.scripts['publish'] = (_, { channel, data }) => {
      gateway.publish(channel, data ?? null);
      return 'silence';
    };
    const sut = start(`
      const client = new Holdfast(${JSON.stringify(gateway.url)}, options);
      client.on('state', ({ state, welcome }) => report(state, welcome?.node ?? ''));
      client.publish('room', 'pay 100').catch(({ code }) => report('publish', code));`);
    await vi.waitFor(() => expect(gateway.stream('room').messages).toHaveLength(1), WAIT);
    const [peer] = gateway.peers;
    if (peer) peer.isMute = true;
    await sut.stopFor(6_500);
    const woken = performance.now();
    await sut.reports('publish unknown');
    await sut.reports('reconnecting ');
    expect(performance.now() - woken).toBeLessThan(4_000);
    await sut.reports('connected pod-2');

    expect(gateway.stream('room').messages).toHaveLength(1);
  });
});
