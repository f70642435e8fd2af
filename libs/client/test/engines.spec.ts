import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build, type Rolldown } from 'vite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startGateway } from './setup.js';

/** What Safari 16, Chrome 94, Firefox 93 or React Native lack. */
const LACKING = [
  'delete Promise.withResolvers',
  'delete Array.prototype.at',
  'delete Array.prototype.toSorted',
  'delete Array.prototype.toReversed',
  'delete Array.fromAsync',
  'delete Object.hasOwn',
  'delete Object.groupBy',
  'delete Map.groupBy',
  'delete String.prototype.at',
  'delete String.prototype.isWellFormed',
  'delete globalThis.crypto',
  'delete globalThis.structuredClone',
  'delete globalThis.TextEncoder',
  'delete AbortSignal.timeout',
  'delete AbortSignal.any',
  // React Native has it only in part.
  'delete globalThis.URL',
].join(';');

/** The first Node in the PATH that is not the workspace's own: the oldest that is supported, on most machines. */
const systemNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find(existsSync);

describe('the library', () => {
  it.each([
    ['runs in an engine without what the oldest browsers and React Native lack', process.execPath, LACKING],
    ['runs in the Node of this system, with the package ws', systemNode ?? process.execPath, ''],
  ])('%s', async (_, node, prepare) => {
    const outputs = (await build({
      root: fileURLToPath(new URL('..', import.meta.url)),
      logLevel: 'silent',
      build: { write: false, sourcemap: false },
    })) as Rolldown.RolldownOutput[];
    const [chunk] = outputs.flatMap(({ output }) => output);
    if (chunk?.type !== 'chunk') throw new Error('expected a chunk');
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-client-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'client.mjs'), chunk.code);
    const gateway = await startGateway();
    const script = `
      import { createRequire } from 'node:module';
      const { WebSocket } = createRequire(${JSON.stringify(import.meta.url)})('ws');
      // The package \`ws\` parses the URL by itself.
      const { URL } = globalThis;
      class Socket extends WebSocket {
        constructor(...args) {
          globalThis.URL = URL;
          super(...args);
        }
      }
      ${prepare};
      const { Holdfast } = await import(${JSON.stringify(pathToFileURL(join(folder, 'client.mjs')).href)});
      const client = new Holdfast(${JSON.stringify(gateway.url)}, { WebSocket: Socket, token: () => 'a token' });
      const seen = new Promise((message) => client.subscribe('room', { message, gap() {} }, { last: 1 }));
      await client.publish('room', 'ü'.repeat(10));
      console.log((await seen).data.length, (await client.history('room')).publications.length);
      await client.close();`;
    const run = promisify(execFile)(node, ['--input-type=module', '--eval', script], { timeout: 30_000 });

    expect((await run).stdout.trim()).toBe('10 1');
  });
});
