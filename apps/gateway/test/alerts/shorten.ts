import type { Group, Rule } from '../../../../charts/test/support/promtool-tests.ts';

const MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A range, or an offset. */
const TIMES = /(\[|\boffset )(\d+)([smhd])\b/g;

/** A rate times the seconds that it is about, which makes a count. */
const COUNTS = /(:rate(\d+)([smhd])\{[^}]*\}) \* (\d+)/g;

/** The rules with all times divided by `factor`: ranges, offsets, and how long a condition has to hold. Thresholds stay. */
export function shorten(groups: readonly Group[], factor: number): Group[] {
  return groups.map((group) => ({ ...group, rules: group.rules.map((rule) => shortenRule(rule, factor)) }));
}

function shortenRule(rule: Rule & { readonly for?: string }, factor: number): Rule {
  const time = (count: string, unit: string): string => `${msOf(count, unit) / factor}ms`;
  const expr = rule.expr
    .replaceAll(TIMES, (_, before: string, count: string, unit: string) => before + time(count, unit))
    .replaceAll(COUNTS, (_, rate: string, count: string, unit: string, seconds: string) => {
      if (msOf(count, unit) !== Number(seconds) * 1_000) throw new Error(`not the seconds of the rate: ${rule.expr}`);
      return `${rate} * ${Number(seconds) / factor}`;
    });
  const [, count, unit] = /^(\d+)([smhd])$/.exec(rule.for ?? '') ?? [];
  return { ...rule, expr, ...(count !== undefined && unit !== undefined && { for: time(count, unit) }) };
}

function msOf(count: string, unit: string): number {
  return Number(count) * MS[unit as keyof typeof MS];
}
