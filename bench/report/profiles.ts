import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Window } from '../load/meter.ts';
import type { Results } from '../run.ts';
import { percent } from './percent.ts';
import { shares, type CpuProfile } from './profile.ts';
import { printRows } from './rows.ts';

/** Smaller shares are combined. */
const WORTH_A_ROW = 0.005;

/** Prints Holdfast's CPU time by owner of the code, for each case. */
export async function printProfiles({ cases }: Results, folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile'));
  const read = async (file: string): Promise<CpuProfile> => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const profiles = await Promise.all(files.map(read));
  for (const { name, samples } of cases) {
    const windows = samples.flatMap(({ server, sample: { conditions } }): Window[] =>
      server === 'holdfast' && conditions !== undefined ? [conditions.window] : [],
    );
    const found = shares(profiles, windows);
    if (found.size === 0) continue;
    console.log(`\n${name}: whose code had the CPU time\n`);
    printRows(rowsOf(found));
  }
}

function rowsOf(found: ReadonlyMap<string, number>): string[][] {
  const worth = [...found].filter(([, share]) => share >= WORTH_A_ROW).toSorted(([, a], [, b]) => b - a);
  const rest = Math.max(0, 1 - worth.reduce((sum, [, share]) => sum + share, 0));
  return [...worth, ['the rest', rest] as const].map(([owner, share]) => [owner, percent(share, 1)]);
}
