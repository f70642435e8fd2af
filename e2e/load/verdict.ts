import { quantileSorted } from 'simple-statistics';
import type { Position } from '@holdfast/protocol';
import { positionOf, type Acknowledged, type Journal, type SocketLife } from './journal.js';

/** A pod that stopped: its clients had this window to leave. */
export interface Drain {
  readonly node: string;
  /** ms since the Unix epoch. */
  readonly from: number;
  readonly to: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The evaluation of a run's journals. Counts are per message and client; examples describe the first few. */
export interface Verdict {
  readonly clients: number;
  readonly acknowledged: number;
  readonly delivered: number;
  /** Acknowledged, never delivered, and not reported as lost. */
  readonly lost: number;
  readonly duplicated: number;
  readonly misordered: number;
  /** Delivered with a different content than was acknowledged at this position. */
  readonly wrong: number;
  /** Acknowledged and not delivered, but the client received a gap instead. */
  readonly reportedLost: number;
  /** The maximum number of gaps that one client received. */
  readonly mostGaps: number;
  readonly clientsWithGaps: number;
  /** Clients that did not reach the end of their channel. */
  readonly behind: number;
  /** Clients without an open and subscribed socket at the end. */
  readonly disconnected: number;
  /** Journals that contradict the frames that their sockets received. */
  readonly unsound: number;
  /** The longest time without an open and subscribed socket, in ms, by kind of client. */
  readonly interruption: Readonly<Record<Journal['kind'], Percentiles & { readonly clients: number }>>;
  /** Sockets that clients gave up because of silence: the number, and the longest silence in ms. */
  readonly givenUp: { readonly sockets: number; readonly longestSilence: number };
  readonly moves: { readonly mean: number; readonly max: number };
  readonly refusedUpgrades: Readonly<Record<string, number>>;
  readonly latency: Percentiles;
  readonly nodes: Readonly<Record<string, number>>;
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 10;

/**
 * Judges the journals of a run: promises 1 to 5 of docs/promises.md.
 *
 * @param from the start of the run, and `to` its end, in ms since the Unix epoch.
 */
export function judge(
  journals: readonly Journal[],
  acknowledged: readonly Acknowledged[],
  { from, to }: { readonly from: number; readonly to: number },
): Verdict {
  const byChannel = Map.groupBy(acknowledged, ({ channel }) => channel);
  const ends = endsOf(acknowledged);
  const examples: string[] = [];
  const example = (journal: Journal, text: string): void => {
    if (examples.length < MAX_EXAMPLES)
      examples.push(`${journal.kind} client ${journal.id}, ${journal.channel}: ${text}`);
  };

  const sum = { delivered: 0, lost: 0, duplicated: 0, misordered: 0, wrong: 0, reportedLost: 0 };
  let mostGaps = 0;
  let clientsWithGaps = 0;
  let behind = 0;
  let disconnected = 0;
  let unsound = 0;
  const latencies: number[] = [];
  const refusedUpgrades: Record<string, number> = {};
  const nodes: Record<string, number> = {};
  const interruptions: Record<Journal['kind'], number[]> = { library: [], plain: [] };
  const moves: number[] = [];
  const silences: number[] = [];

  for (const journal of journals) {
    const expected = byChannel.get(journal.channel) ?? [];
    const stream = judgeStream(journal, expected, (text) => example(journal, text));
    for (const name of ['delivered', 'lost', 'duplicated', 'misordered', 'wrong', 'reportedLost'] as const) {
      sum[name] += stream[name];
    }
    mostGaps = Math.max(mostGaps, stream.gaps);
    if (stream.gaps > 0) clientsWithGaps += 1;

    const end = ends.get(journal.channel);
    if (!hasReached(journal, end)) {
      behind += 1;
      example(journal, `at ${describe(positionOf(journal))}, the channel at ${describe(end)}`);
    }
    if (!journal.sockets.some(isLive)) {
      disconnected += 1;
      example(journal, 'no open and subscribed socket at the end');
    }
    const flaw = flawOf(journal, stream.gaps);
    if (flaw !== undefined) {
      unsound += 1;
      example(journal, flaw);
    }
    silences.push(...journal.sockets.filter(isGivenUp).map(({ heardAt = 0, closedAt = 0 }) => closedAt - heardAt));
    for (const { refused } of journal.sockets) {
      if (refused !== undefined) refusedUpgrades[refused] = (refusedUpgrades[refused] ?? 0) + 1;
    }
    const live = journal.sockets.find(isLive);
    if (live?.node !== undefined) nodes[live.node] = (nodes[live.node] ?? 0) + 1;
    interruptions[journal.kind].push(longestInterruption(journal.sockets, from, to));
    moves.push(journal.sockets.filter(({ subscribedAt }) => subscribedAt !== undefined && subscribedAt > from).length);
    for (const { at, publishedAt } of journal.entries) {
      if (publishedAt !== undefined && at >= from) latencies.push(at - publishedAt);
    }
  }

  const interrupted = (kind: Journal['kind']) => ({
    ...percentiles(interruptions[kind]),
    clients: interruptions[kind].filter((ms) => ms > 0).length,
  });
  return {
    clients: journals.length,
    acknowledged: acknowledged.length,
    ...sum,
    mostGaps,
    clientsWithGaps,
    behind,
    disconnected,
    unsound,
    interruption: { library: interrupted('library'), plain: interrupted('plain') },
    givenUp: { sockets: silences.length, longestSilence: Math.max(0, ...silences) },
    moves: { mean: moves.reduce((a, b) => a + b, 0) / Math.max(1, moves.length), max: Math.max(0, ...moves) },
    refusedUpgrades,
    latency: percentiles(latencies),
    nodes,
    examples,
  };
}

/** The last position of each channel. */
export function endsOf(acknowledged: readonly Acknowledged[]): ReadonlyMap<string, Position> {
  const byChannel = Map.groupBy(acknowledged, ({ channel }) => channel);
  return new Map([...byChannel].map(([channel, publishes]) => [channel, endOf(publishes)]));
}

/** Whether a client received everything up to the end of its channel. */
export function hasReached(journal: Journal, end: Position | undefined): boolean {
  const position = positionOf(journal);
  return end === undefined || (position?.epoch === end.epoch && position.offset >= end.offset);
}

/** The highest offset of the epoch of its last acknowledged message. */
function endOf(publishes: readonly Acknowledged[]): Position {
  const last = publishes.at(-1);
  if (last === undefined) throw new Error('nothing was acknowledged');
  const offsets = publishes.filter(({ epoch }) => epoch === last.epoch).map(({ offset }) => offset);
  return { epoch: last.epoch, offset: offsets.reduce((a, b) => Math.max(a, b)) };
}

/**
 * The maximum number of upgrades that began within `window` ms, as a multiple of an even flow: all clients of the pods that
 * were draining in this time, spread over their drain windows. Above 1.5 it counts as a storm.
 *
 * @param clientsOf the number of clients of a pod when its drain began.
 */
export function worstBurst(
  upgrades: readonly number[],
  drains: readonly Drain[],
  clientsOf: (node: string) => number,
  window = 5_000,
): number {
  const sorted = upgrades.toSorted((a, b) => a - b);
  let worst = 0;
  for (const [index, start] of sorted.entries()) {
    const end = sorted.findIndex((at, later) => later >= index && at >= start + window);
    const count = (end === -1 ? sorted.length : end) - index;
    const even = drains
      .filter(({ from, to }) => from < start + window && start < to)
      .reduce((total, { node, from, to }) => total + (clientsOf(node) / (to - from)) * window, 0);
    if (even > 0) worst = Math.max(worst, count / even);
    else if (count > 0) worst = Number.POSITIVE_INFINITY;
  }
  return worst;
}

interface StreamVerdict {
  delivered: number;
  lost: number;
  duplicated: number;
  misordered: number;
  wrong: number;
  reportedLost: number;
  gaps: number;
}

/** Checks promises 1, 2 and 4 for one client. */
function judgeStream(
  { entries, start }: Journal,
  acknowledged: readonly Acknowledged[],
  example: (text: string) => void,
): StreamVerdict {
  const verdict = { delivered: 0, lost: 0, duplicated: 0, misordered: 0, wrong: 0, reportedLost: 0, gaps: 0 };
  if (start === undefined) {
    verdict.lost = acknowledged.length;
    example('never subscribed');
    return verdict;
  }
  const expected = new Map(acknowledged.map((publish) => [placeOf(publish), publish.text]));
  const places = new Set<string>();
  const texts = new Set<string>();
  const gaps: (readonly [Position, Position])[] = [];
  let at: Position = start;
  for (const entry of entries) {
    if (entry.text === undefined) {
      gaps.push([at, entry]);
      verdict.gaps += 1;
      at = entry;
      continue;
    }
    verdict.delivered += 1;
    const place = placeOf(entry);
    if (places.has(place) || texts.has(`${entry.epoch} ${entry.text}`)) {
      verdict.duplicated += 1;
      example(`"${entry.text}" twice, at ${describe(entry)}`);
    } else if (entry.epoch !== at.epoch || entry.offset !== at.offset + 1) {
      verdict.misordered += 1;
      example(`${describe(entry)} after ${describe(at)}`);
    }
    const text = expected.get(place);
    if (text !== undefined && text !== entry.text) {
      verdict.wrong += 1;
      example(`"${entry.text}" in place of "${text}"`);
    }
    places.add(place);
    texts.add(`${entry.epoch} ${entry.text}`);
    at = entry;
  }
  for (const publish of acknowledged) {
    if (places.has(placeOf(publish)) || isBefore(publish, start)) continue;
    if (gaps.some((gap) => covers(gap, publish))) {
      verdict.reportedLost += 1;
    } else {
      verdict.lost += 1;
      example(`"${publish.text}" lost, at ${describe(publish)}`);
    }
  }
  return verdict;
}

/** Finds contradictions between what the application and its sockets received. */
function flawOf({ entries, seen }: Journal, gaps: number): string | undefined {
  const texts = new Set(entries.flatMap(({ text }) => text ?? []));
  const invented = [...texts].find((text) => !seen.has(text));
  if (invented !== undefined) return `"${invented}" was delivered, but not received by a socket`;
  // Late frames of an ended epoch are correctly not delivered.
  const kept = gaps === 0 ? [...seen].find((text) => !texts.has(text)) : undefined;
  return kept === undefined ? undefined : `"${kept}" was received by a socket, but not delivered`;
}

function isBefore({ epoch, offset }: Position, start: Position): boolean {
  return epoch === start.epoch && offset <= start.offset;
}

/** Whether a gap covers a publication: it ends its epoch, skips it, or may have skipped its whole epoch. */
function covers([from, to]: readonly [Position, Position], { epoch, offset }: Position): boolean {
  if (from.epoch === to.epoch) return epoch === to.epoch && from.offset < offset && offset <= to.offset;
  if (epoch === to.epoch) return offset <= to.offset;
  return epoch !== from.epoch || offset > from.offset;
}

function placeOf({ epoch, offset }: Position): string {
  return `${epoch} ${offset}`;
}

function describe(position: Position | undefined): string {
  return position === undefined ? 'nowhere' : `${position.epoch}/${position.offset}`;
}

/** Whether a client left a subscribed socket on its own initiative. */
function isGivenUp({ subscribedAt, heardAt, invitedAt, closedAt, leftByClient }: SocketLife): boolean {
  return (
    subscribedAt !== undefined &&
    heardAt !== undefined &&
    invitedAt === undefined &&
    closedAt !== undefined &&
    leftByClient === true
  );
}

/** Whether a socket is open and subscribed. */
export function isLive({ subscribedAt, closedAt }: SocketLife): boolean {
  return subscribedAt !== undefined && closedAt === undefined;
}

/** The longest time in ms between `from` and `to` in which no socket was open and subscribed. */
export function longestInterruption(sockets: readonly SocketLife[], from: number, to: number): number {
  const live = sockets
    .flatMap(({ subscribedAt, closedAt }) =>
      subscribedAt === undefined ? [] : [[subscribedAt, closedAt ?? to] as const],
    )
    .toSorted(([a], [b]) => a - b);
  let until = from;
  let longest = 0;
  for (const [begin, end] of live) {
    if (begin > until) longest = Math.max(longest, begin - until);
    until = Math.max(until, end);
  }
  return Math.max(longest, to - until);
}

function percentiles(values: readonly number[]): Percentiles {
  if (values.length === 0) return { p50: 0, p99: 0, max: 0 };
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: quantileSorted(sorted, 0.5), p99: quantileSorted(sorted, 0.99), max: quantileSorted(sorted, 1) };
}
