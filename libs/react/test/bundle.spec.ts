import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';

it('the bundle is at most 1.5 KB (gzip), and has no dependency but react and the client', async () => {
  const outputs = (await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'silent',
    build: { write: false, sourcemap: false, rolldownOptions: { output: { minify: true } } },
  })) as Rolldown.RolldownOutput[];
  const chunks = outputs.flatMap(({ output }) => output).filter((chunk) => chunk.type === 'chunk');
  expect(chunks).toHaveLength(1);
  for (const { code, imports } of chunks) {
    expect(imports.toSorted()).toEqual(['@holdfast/client', 'react']);
    expect(gzipSync(code).length).toBeLessThanOrEqual(1_536);
  }
});
