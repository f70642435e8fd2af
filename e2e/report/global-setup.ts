import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measuredFault } from './measured.js';
import { fileName, forget, LAST_RUN, records, REPORT } from './records.js';
import { table } from './table.js';
import { timelineSvg } from './timeline-svg.js';

/** Before all suites: removes the results of an earlier run. Afterwards: writes the report, report/last-run/report.md, and its rows as JSON. */
export default async function setup(): Promise<() => Promise<void>> {
  await forget();
  return async () => {
    const all = await records();
    if (all.length === 0) return;
    const faults = all.map(measuredFault);
    await writeFile(join(LAST_RUN, REPORT), `${JSON.stringify(faults, undefined, 2)}\n`);
    const drawings = all.map(({ fault }) => `![${fault}](${fileName(fault)}.svg)`);
    await writeFile(
      join(LAST_RUN, 'report.md'),
      `# Faults under load\n\n${table(faults)}\n\n${drawings.join('\n\n')}\n`,
    );
    for (const record of all) {
      await writeFile(join(LAST_RUN, `${fileName(record.fault)}.svg`), timelineSvg(record));
    }
  };
}
