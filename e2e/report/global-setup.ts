import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileName, forget, LAST_RUN, records } from './records.js';
import { table } from './table.js';
import { timelineSvg } from './timeline-svg.js';

/** Before all suites: removes the results of an earlier run. Afterwards: writes the report, report/last-run/report.md. */
export default async function setup(): Promise<() => Promise<void>> {
  await forget();
  return async () => {
    const all = await records();
    if (all.length === 0) return;
    const drawings = all.map(({ fault }) => `![${fault}](${fileName(fault)}.svg)`);
    await writeFile(join(LAST_RUN, 'report.md'), `# Faults under load\n\n${table(all)}\n\n${drawings.join('\n\n')}\n`);
    for (const record of all) {
      await writeFile(join(LAST_RUN, `${fileName(record.fault)}.svg`), timelineSvg(record));
    }
  };
}
