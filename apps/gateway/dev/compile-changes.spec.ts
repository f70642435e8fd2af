import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

const SCRIPT = fileURLToPath(new URL('compile-changes.js', import.meta.url));

/** A watched package, and the compiler's output. */
async function watchedPackage() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-dev-'));
  mkdirSync(join(folder, 'src/deep'), { recursive: true });
  const child = spawn(process.execPath, [SCRIPT, folder]);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true });
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  await vi.waitFor(() => expect(said).toContain('compiling what changes in'));
  return {
    write: (name: string, text: string) => writeFileSync(join(folder, 'src', name), text),
    remove: (name: string) => rmSync(join(folder, 'src', name)),
    output: (name: string) => join(folder, 'dist', name),
    read: (name: string) => readFileSync(join(folder, 'dist', name), 'utf8'),
    said: () => said,
  };
}

describe('the output of a file in the inner loop', () => {
  it('is what tsc would produce: an ES module with decorator metadata', async () => {
    const sut = await watchedPackage();
    sut.write(
      'deep/service.ts',
      `import { Injectable } from '@nestjs/common';
       import { Broker } from '../broker.js';
       @Injectable() export class Service { constructor(private readonly broker: Broker) {} }`,
    );
    await vi.waitFor(() => expect(sut.read('deep/service.js')).toContain('__metadata("design:paramtypes"'));
    expect(sut.read('deep/service.js')).toContain("import { Broker } from '../broker.js';");
    expect(sut.read('deep/service.js')).toContain('export { Service }');
  });

  it('is kept if the changed file has an error', async () => {
    const sut = await watchedPackage();
    sut.write('a.ts', 'export const a: number = 1;');
    await vi.waitFor(() => expect(sut.read('a.js')).toContain('a = 1'));
    sut.write('a.ts', 'export const a: = 2;');
    await vi.waitFor(() => expect(sut.said()).toContain('error TS'));
    expect(sut.read('a.js')).toContain('a = 1');
  });

  it('is removed with its source', async () => {
    const sut = await watchedPackage();
    sut.write('a.ts', 'export {};');
    await vi.waitFor(() => expect(existsSync(sut.output('a.js'))).toBe(true));
    sut.remove('a.ts');
    await vi.waitFor(() => expect(existsSync(sut.output('a.js'))).toBe(false));
  });
});
