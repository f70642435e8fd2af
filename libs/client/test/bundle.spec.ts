import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startGateway } from './setup.js';

describe('the bundle', () => {
  let chunk: Rolldown.OutputChunk;

  beforeAll(async () => {
    const outputs = (await build({
      root: fileURLToPath(new URL('..', import.meta.url)),
      logLevel: 'silent',
      build: { write: false, sourcemap: false, rolldownOptions: { output: { minify: true } } },
    })) as Rolldown.RolldownOutput[];
    const [first, ...others] = outputs.flatMap(({ output }) => output);
    if (first?.type !== 'chunk' || others.length > 0) throw new Error('expected one chunk');
    chunk = first;
  }, 60_000);

  // The aim is 8 kB. README.md has the size beside those of other libraries.
  it('is at most 11.5 kB (gzip)', () => {
    expect(gzipSync(chunk.code).length).toBeLessThanOrEqual(11_500);
  });

  it('has no dependency, and contains no validators', () => {
    const rendered = Object.entries(chunk.modules).filter(([, { renderedLength }]) => renderedLength > 0);

    expect(chunk.imports).toEqual([]);
    expect(rendered.map(([id]) => id).filter((id) => !/libs\/(client|protocol)\/src\//.test(id))).toEqual([]);
  });

  it('runs in Node without a bundler, and the process exits after close', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-client-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'client.mjs'), chunk.code);
    const gateway = await startGateway();
    // Each of these starts a timer in the client: a refresh, a move, a retry, and a request that is never answered.
    gateway.greet = () => ({ expires: 60_000 });
    gateway.scripts['presence'] = () => 'silence';
    gateway.scripts['publish'] = (_, { channel }) => (channel === 'room' ? 'default' : { refuse: 'unavailable' });
    gateway.scripts['history'] = (peer) => {
      peer.send('reconnect', { within: 3_600_000, reason: 'age' });
      return 'default';
    };
    const script = `
      const { Holdfast } = await import(${JSON.stringify(pathToFileURL(join(folder, 'client.mjs')))});
      const client = new Holdfast(${JSON.stringify(gateway.url)}, { token: () => 'token' });
      const seen = await new Promise((message) => {
        client.subscribe('room', { message, gap() {} });
        client.publish('room', 'hello');
      });
      client.presence('room').catch(({ code }) => console.log('presence', code));
      client.publish('other', 1).catch(({ code }) => console.log('publish', code));
      await client.history('room');
      await client.close();
      console.log('saw', seen.data);
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 30_000,
    });

    expect(stdout.trim().split('\n').toSorted()).toEqual(['presence closed', 'publish closed', 'saw hello']);
  });
});
