import { CHECKS } from './checks/index.js';
import type { Situation } from './checks/check.js';
import { entryOf, FINDING_IDS, type FindingId } from './catalogue/index.js';
import type { Level } from './catalogue/entry.js';
import type { Finding } from './finding.js';

const LEVELS: readonly Level[] = ['error', 'warning', 'advice'];

/**
 * Runs all checks.
 *
 * @param only the findings that are wanted; all by default. Those that are not wanted hide nothing.
 * @returns the findings, the most urgent first, and those of the same level from the browser to the broker; without the consequences
 * of others.
 */
export function diagnose(situation: Situation, only: ReadonlySet<FindingId> = new Set(FINDING_IDS)): Finding[] {
  const all = CHECKS.flatMap((check) => Array.from(check(situation))).filter(({ id }) => only.has(id));
  const hidden = new Set(all.flatMap(({ id }) => entryOf(id).hides ?? []));
  return all.filter(({ id }) => !hidden.has(id)).toSorted((a, b) => rankOf(a) - rankOf(b));
}

function rankOf({ id }: Finding): number {
  return LEVELS.indexOf(entryOf(id).level) * FINDING_IDS.length + FINDING_IDS.indexOf(id);
}
