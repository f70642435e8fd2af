import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { ProcessMemory } from './process-memory.js';

const MIB = 2 ** 20;
const MODULE = new URL('../../dist/limits/process-memory.js', import.meta.url).href;

/** What a process with these flags finds. */
function memoryWith(...flags: readonly string[]): ProcessMemory {
  const script = `import { processMemory } from '${MODULE}'; console.log(JSON.stringify(processMemory()));`;
  const output = execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return JSON.parse(output) as ProcessMemory;
}

it.each([
  ['an old generation', ['--max-old-space-size=154']],
  ['both generations', ['--max-old-space-size=154', '--max-semi-space-size=16']],
])('the heap of a process whose flags set %s is the old generation', (_, flags) => {
  expect(memoryWith(...flags).heap).toBe(154 * MIB);
});

it.each([
  ['of the default size', []],
  ['with semi-spaces of 4 MiB', ['--max-semi-space-size=4']],
  ['with semi-spaces of 64 MiB', ['--max-semi-space-size=64']],
])('the heap does not include a young generation %s', (_, flags) => {
  const { total, heap } = memoryWith('--max-old-space-size-percentage=10', ...flags);
  expect(heap / total).toBeCloseTo(0.1, 2);
});
