import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { writePage } from '../../../../e2e/support/write-page.js';
import type { Fault } from './faults/fault.ts';

const PAGE = 'docs/monitoring/alerts.md';

/** Outcomes of earlier runs, so that single faults can be repeated. */
const OUTCOMES = new URL('../../../../.cache/alerts/', import.meta.url);

/** What a fault has caused. Times are in ms. */
export interface Outcome {
  readonly fault: string;
  /** The alerts that have fired, and how long after the fault began. */
  readonly after: Readonly<Record<string, number>>;
  /** From the end of the fault until no alert fired. */
  readonly resolvedAfter: number;
}

export async function keep(outcome: Outcome): Promise<void> {
  await mkdir(OUTCOMES, { recursive: true });
  await writeFile(new URL(`${outcome.fault}.json`, OUTCOMES), JSON.stringify(outcome));
}

const INTRODUCTION = `\
# Alerts seen to fire

<!-- Written by \`npm run alerts\`. -->

Each fault was really caused to a release of its own, with gateway processes, a real broker and 12 clients of the client library, while messages were published. A real
Prometheus scraped the pods each second and evaluated the rules that the chart renders. Only time was shortened: in the rules a minute was a second (ranges, offsets, and how
long a condition has to hold); thresholds were not changed, except that a message was late after 1 s instead of 0.5 s. So an alert that fires here after a few seconds takes
minutes with the rules as they are installed. In the 15 s before each fault no alert fired, during it exactly these, and later all of them ended. Each row is of the latest
run of its fault, the last one on ${new Date().toISOString().slice(0, 10)}. The machine has ${availableParallelism()} cores, and a load of ${Math.round(loadavg()[0] ?? 0)} with what else it does.
`;

const NOTES = `
- No server shows two pods different entries on request, so the entry is changed between the server and a pod, as bad memory or a faulty network card would. What
  the gateway and Prometheus make of it is real.
- A machine has one clock, so that of the pod is shifted inside its process.
- A pod that reads all partitions of a log late, because its network or CPU does not suffice, does not count as behind: it cannot use the broker, and HoldfastBrokerDown fires.
- A pod that is killed counts in no objective, so the first fault is silent; its clients come back by themselves.
- While connections to Redis are ended, nothing is published: reconnecting does not become faster when the rules do, so too large a share of publishes would fail.
- A burn alert has two paces, [fast and slow](../monitoring.md#service-level-objectives). Both fire together, because there is no earlier traffic that would dilute the fault. The slow
  one ends when its short range is over: 6 hours, here 6 minutes.
`;

/** Writes the table of all faults into the docs, when each of them was caused. */
export async function writeTable(faults: readonly Fault[]): Promise<void> {
  const outcomes = await Promise.all(faults.map(async ({ name }) => outcomeOf(name)));
  if (outcomes.includes(undefined)) return;
  const head = ['fault', 'broker', 'alerts, and how long after the fault they fired', 'all ended after'];
  const rows = faults.map(({ what, broker }, index) => {
    const { after = {}, resolvedAfter = 0 } = outcomes[index] ?? {};
    const alerts = alertsOf(after);
    const isSilent = alerts.length === 0;
    return [what, broker, isSilent ? 'none' : alerts.join('<br>'), isSilent ? '–' : seconds(resolvedAfter)];
  });
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  await writePage(PAGE, [INTRODUCTION, ...lines, NOTES].join('\n'));
}

async function outcomeOf(fault: string): Promise<Outcome | undefined> {
  const text = await readFile(new URL(`${fault}.json`, OUTCOMES), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Outcome);
}

/** Each alert once, with the times of both of its paces. */
function alertsOf(after: Outcome['after']): string[] {
  const times = new Map<string, string[]>();
  for (const [alert, ms] of Object.entries(after)) {
    const [name = '', pace] = alert.split(' ');
    times.set(name, [...(times.get(name) ?? []), pace === undefined ? seconds(ms) : `${seconds(ms)} (${pace})`]);
  }
  return [...times]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, each]) => `[${name}](../runbooks/${name}.md): ${each.toSorted().join(', ')}`);
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.round(ms / 1_000))} s`;
}
