import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Case, Target } from '../../cases/case.ts';
import type { Server } from '../server.ts';

/** How much slower than another build a case may be: less cannot be distinguished from noise. */
const TOLERANCE = 0.03;

/**
 * Another build of Holdfast, in another checkout. It is started by the benchmark of that checkout, because its
 * configuration may differ.
 */
export async function otherBuild(folder: string): Promise<Server> {
  const file = pathToFileURL(resolve(folder, 'bench/servers/holdfast/server.ts')).href;
  const { holdfast } = (await import(file)) as { readonly holdfast: Server };
  return { ...holdfast, name: 'other-build', title: `Holdfast in ${basename(resolve(folder))}` };
}

/** Lets the other build take part wherever Holdfast does, as the target of every metric. */
export function comparedWithOtherBuild(measured: Case): Case {
  const targets = measured.metrics.map(({ key, moreIsBetter = false }): Target => ({
    metric: key,
    of: 'other-build',
    bound: moreIsBetter ? 1 - TOLERANCE : 1 + TOLERANCE,
  }));
  return {
    ...measured,
    servers: [...measured.servers, 'other-build'],
    quick: measured.quick.length === 0 ? [] : [...measured.quick, 'other-build'],
    targets: [...targets, ...measured.targets],
  };
}
