import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cost } from '../faults/fault.js';
import type { RunReport } from '../load/run.js';

/** The results of a run's suites, for its report. */
export const LAST_RUN = new URL('last-run/', import.meta.url).pathname;

/** The rows of the report, beside the records that they come from. */
export const REPORT = 'report.json';

/** A fault, and the evaluation of the clients' journals. */
export interface FaultRecord {
  readonly fault: string;
  readonly cost: Cost;
  /** When the fault began and ended, in seconds since the run began. */
  readonly from: number;
  readonly to: number;
  readonly report: RunReport;
}

export function fileName(fault: string): string {
  return fault.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase();
}

export async function keep(record: FaultRecord): Promise<void> {
  await mkdir(LAST_RUN, { recursive: true });
  await writeFile(join(LAST_RUN, `${fileName(record.fault)}.json`), JSON.stringify(record));
}

export async function forget(): Promise<void> {
  await rm(LAST_RUN, { recursive: true, force: true });
}

/** In the order in which they ran. */
export async function records(): Promise<FaultRecord[]> {
  const files = (await readdir(LAST_RUN).catch(() => [])).filter((name) => name.endsWith('.json') && name !== REPORT);
  const all = await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(LAST_RUN, name), 'utf8')) as FaultRecord),
  );
  return all.toSorted((a, b) => a.report.from - b.report.from);
}
