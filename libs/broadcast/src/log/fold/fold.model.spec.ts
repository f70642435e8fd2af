import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bootstrap, type Step } from '../partition/bootstrap.js';
import type { LogEntry, LogOffset } from '../log-adapter.js';
import { encodeEntry, encodeRecord } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';
import { Fold } from './fold.js';
import type { Outcome } from './outcome.js';
import type { Place } from './place.js';
import type { PlainFormat } from '../../plain-messages.js';
import { RULES } from './rules.js';
import { SnapshotWriter } from './snapshot-writer.js';

const CHANNELS = ['a', 'b', 'c'];
const STREAMS = [
  { historySize: 5, historyTtl: 300, positionTtl: 700 },
  { historySize: 0, historyTtl: 300, positionTtl: 400 },
  { historySize: 100, historyTtl: 5_000, positionTtl: 9_000 },
];
const AUTHORS = 4;
/** Bytes of a part: a snapshot has several. */
const PART = 120;
const FORMAT: PlainFormat = { namespaceOf: () => '', accepts: () => true, encode: (json) => json };
const OPTIONS = { index: 0, format: FORMAT };
const POLICY = JSON.stringify({ namespaces: { '': STREAMS[2] }, others: null, keyWindow: 400, maxPayload: 100 });

type Action =
  | {
      readonly kind: 'record';
      readonly author: number;
      readonly record: LogRecord;
      readonly fate: 'once' | 'twice' | 'late';
    }
  | { readonly kind: 'wait'; readonly duration: number }
  | { readonly kind: 'era' }
  | { readonly kind: 'plain'; readonly channel: string; readonly body: string; readonly key: string | undefined }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'snapshot'; readonly reader: number; readonly lost: number }
  | { readonly kind: 'step'; readonly items: number }
  | { readonly kind: 'start'; readonly back: number };

const channel = fc.constantFrom(...CHANNELS);
const stream = fc.constantFrom(...STREAMS);
const client = fc.constantFrom('ann', 'bob');
const holder = fc.constantFrom('h1', 'h2');
const author = fc.nat(AUTHORS - 1);
const pod = author.map((index) => `pod ${index}`);
const since = fc.option(fc.nat(2_000), { nil: undefined });

const idempotency = fc.option(
  fc.record({
    publisher: fc.constant('p'),
    key: fc.constantFrom('1', '2', '3'),
    fingerprint: fc.constantFrom('f', 'f', 'f', 'g'),
    window: fc.constantFrom(100, 2_000),
  }),
  { nil: undefined },
);
const publish: fc.Arbitrary<LogRecord> = fc.record({
  kind: fc.constant('publish' as const),
  channel,
  payload: fc.constantFrom('x', 'y'),
  stream,
  idempotency,
});
const other: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), channel, stream }),
  fc.record({ kind: fc.constant('quit' as const), channel }),
  fc.record({
    kind: fc.constant('join' as const),
    channel,
    member: fc.record({ client, details: fc.constantFrom('1', '2') }),
    holder,
    since,
  }),
  fc.record({ kind: fc.constant('leave' as const), channel, client, holder }),
  fc.record({ kind: fc.constant('evict' as const), channel, client }),
  fc.record({
    kind: fc.constant('register' as const),
    connection: fc.record({ user: channel, client, holder, node: fc.constant('n'), since: fc.nat(9) }),
    since,
  }),
  fc.record({ kind: fc.constant('unregister' as const), user: channel, client, holder }),
  fc.record({ kind: fc.constant('expel' as const), user: channel, client }),
  fc.record({ kind: fc.constant('dead' as const), pod, seen: fc.option(fc.nat(30), { nil: undefined }) }),
  fc.record({ kind: fc.constant('rename' as const), former: pod }),
  fc.constant({ kind: 'bye' } as const),
  fc.constant({ kind: 'policy', policy: POLICY } as const),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      author,
      record: fc.oneof({ weight: 3, arbitrary: publish }, { weight: 2, arbitrary: other }),
      fate: fc.constantFrom('once' as const, 'once' as const, 'once' as const, 'twice' as const, 'late' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), duration: fc.nat(500) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'era' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('plain' as const),
      channel,
      body: fc.constantFrom('{"a":1}', '{', ' "x" '),
      key: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'foreign' } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), reader: fc.nat(5), lost: fc.nat(12) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('step' as const), items: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('start' as const), back: fc.nat(60) }) },
);

/** A pod that reads the log from somewhere on. */
class Reader {
  fold: Fold | undefined;
  readonly outcomes = new Map<LogOffset, string>();
  readonly #bootstrap: Bootstrap | undefined;

  constructor(log: readonly LogEntry[], from: LogOffset | undefined) {
    if (from === undefined) this.fold = new Fold(OPTIONS);
    else this.#bootstrap = new Bootstrap(from, 0, log.length, true, OPTIONS);
    for (const entry of log.slice(from ?? 0)) this.read(entry);
  }

  read(entry: LogEntry): void {
    if (this.fold !== undefined) {
      this.#fold(this.fold, entry);
      return;
    }
    const [fold] = this.#bootstrap?.add(entry).flatMap((step) => restored(step) ?? []) ?? [];
    if (fold === undefined) return;
    this.fold = fold;
    for (const held of this.#bootstrap?.held(fold.at) ?? []) this.#fold(fold, held);
  }

  #fold(fold: Fold, entry: LogEntry): void {
    const outcomes: string[] = [];
    fold.read(entry, {
      onOutcome: (outcome) => outcomes.push(described(outcome, fold)),
      onEntry: (_, isApplied) => outcomes.push(`${isApplied}`),
      onInvalid: () => outcomes.push('invalid'),
      onPlainRefused: (name, reason) => outcomes.push(`${reason} ${name}`),
    });
    this.outcomes.set(entry.offset, [...outcomes, `${fold.time.now} ${fold.digest.hash}`].join('\n'));
  }
}

/** The state that a step of the bootstrap leads to. */
function restored(step: Step): Fold | undefined {
  if (step.kind === 'known') return step.fold;
  if (step.kind === 'farther') return undefined;
  for (;;) {
    const fold = step.reader.step(1);
    if (fold !== undefined) return fold;
  }
}

function described(outcome: Outcome, { era }: Fold): string {
  switch (outcome.kind) {
    case 'stored':
      return `stored ${outcome.channel.epoch(era)} ${JSON.stringify(outcome.publication)} from ${outcome.channel.first}`;
    case 'opened':
      return `opened ${outcome.channel.epoch(era)} ${outcome.channel.offset} ${outcome.channel.openCount}`;
    case 'era':
      return `era ${outcome.id}`;
    default:
      return JSON.stringify(outcome);
  }
}

function byName(one: [string, unknown], another: [string, unknown]): number {
  return one[0] < another[0] ? -1 : 1;
}

/** Everything that counts, in an order that does not depend on how it came about. */
function stateOf({
  era,
  eraAt,
  rules,
  policy,
  pods,
  channels,
  keys,
  members,
  connections,
  time,
  digest,
}: Fold): unknown {
  const { now } = time;
  const held = (table: typeof members | typeof connections): unknown =>
    [...table.map]
      .map(
        ([name, group]) =>
          [name, [...group.held].map(([id, { pod: of, ...rest }]) => [id, of.id, rest])] as [string, unknown],
      )
      .toSorted(byName);
  return {
    head: [era, eraAt, rules, policy, now, digest.hash],
    pods: [...pods.all]
      .map(({ id, number, lead, seen, isDead }) => [id, [number, lead, seen, isDead]] as [string, unknown])
      .toSorted(byName),
    channels: [...channels.map.values()]
      .filter(({ expires }) => expires > now)
      .map((state) => {
        const { name, offset, first, published, used, openCount, stream: options } = state;
        const openers = [...pods.all].filter(({ opened }) => opened.has(state)).map(({ id }) => id);
        return [name, [state.epoch(era), offset, first, published, used, openCount, options, openers.toSorted()]] as [
          string,
          unknown,
        ];
      })
      .toSorted(byName),
    keys: [...keys.map.values()]
      .filter(({ expires }) => expires > now)
      .map((key) => [key.id, { ...key, generation: 0 }] as [string, unknown])
      .toSorted(byName),
    members: held(members),
    connections: held(connections),
  };
}

/** The log, and the pods that read and write it. */
class World {
  readonly log: LogEntry[] = [];
  readonly readers: Reader[] = [];
  readonly #hasClock: boolean;
  #now = 1_000;
  #ids = 0;
  readonly #numbers: number[] = Array.from({ length: AUTHORS }, () => 0);
  #late: Uint8Array[] = [];
  #snapshot:
    | { writer: SnapshotWriter; fold: Fold; era: string; parts: Buffer[]; part: number; id: string; lost: number }
    | undefined;

  constructor(hasClock: boolean) {
    this.#hasClock = hasClock;
    this.#write(0, { kind: 'era', cause: 0, id: 'genesis', partitions: 1, policy: '' });
    this.readers.push(new Reader(this.log, undefined));
  }

  run(next: Action): void {
    switch (next.kind) {
      case 'record':
        return this.#write(next.author, next.record, next.fate);
      case 'wait':
        this.#now += next.duration;
        return;
      case 'era':
        this.#ids += 1;
        return this.#write(0, {
          kind: 'era',
          cause: this.log.length - (this.#ids % 3),
          id: `era ${this.#ids}`,
          partitions: 1,
          policy: this.#ids % 2 === 0 ? POLICY : '',
        });
      case 'plain':
        return this.#append(new Uint8Array(), { channel: next.channel, key: next.key, body: Buffer.from(next.body) });
      case 'foreign':
        return this.#append(Buffer.from('{"not":"ours"}'));
      case 'snapshot':
        return this.#begin(next.reader, next.lost);
      case 'step':
        return this.#step(next.items);
      case 'start':
        this.readers.push(new Reader(this.log, Math.max(this.log.length - next.back, 0)));
        return;
    }
  }

  #begin(index: number, lost: number): void {
    const { fold } = this.readers[index % this.readers.length] ?? {};
    if (fold === undefined || this.#snapshot !== undefined) return;
    this.#ids += 1;
    const id = `snapshot ${this.#ids}`;
    this.#snapshot = { writer: new SnapshotWriter(fold, PART), fold, era: fold.era, parts: [], part: 0, id, lost };
  }

  /** As {@link Snapshots} does, but any part may be lost. */
  #step(items: number): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    const { writer, fold, era, parts, id, lost } = snapshot;
    if (fold.era !== era) {
      writer.abort();
      this.#snapshot = undefined;
      return;
    }
    const isDone = writer.step(items);
    parts.push(...writer.take());
    const ready = isDone ? parts.splice(0) : parts.splice(0, Math.max(parts.length - 1, 0));
    for (const [index, data] of ready.entries()) {
      const isLast = isDone && index === ready.length - 1;
      const { part } = snapshot;
      snapshot.part += 1;
      if (part !== lost) this.#write(0, { kind: 'state', id, part, isLast, asOf: writer.asOf, data });
    }
    if (isDone) this.#snapshot = undefined;
  }

  #write(index: number, record: LogRecord, fate: 'once' | 'twice' | 'late' = 'once'): void {
    const number = (this.#numbers[index] ?? 0) + 1;
    this.#numbers[index] = number;
    // The clock of each pod is wrong by another time.
    const clock = this.#now + index * 7_000;
    const data = encodeEntry({ pod: `pod ${index}`, number, clock }, [
      encodeRecord({ kind: 'mark' }),
      encodeRecord(record),
    ]);
    if (fate === 'late') {
      this.#late.push(data);
      return;
    }
    this.#append(data);
    if (fate === 'twice') this.#append(data);
    const late = this.#late.shift();
    if (late !== undefined) this.#append(late);
  }

  #append(data: Uint8Array, plain?: LogEntry['plain']): void {
    this.#now += 1;
    const time = this.#hasClock ? this.#now : undefined;
    const entry = { offset: this.log.length, time, data, ...(plain !== undefined && { plain }) };
    this.log.push(entry);
    for (const reader of this.readers) reader.read(entry);
  }
}

describe('the fold', () => {
  it.each([
    ['with', true],
    ['without', false],
  ])('comes to the same in every pod, whenever it started, %s a clock of the server', (_, hasClock) => {
    let started = 0;
    let decided = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 150, size: 'max' }), (actions) => {
        const world = new World(hasClock);
        for (const next of actions) world.run(next);
        const [reference, ...others] = world.readers;
        if (reference?.fold === undefined) throw new Error('no reference');
        expectDense(reference);
        for (const { fold, outcomes } of others) {
          if (fold === undefined) continue;
          started += 1;
          for (const [offset, outcome] of outcomes) {
            decided += 1;
            // Comparing this way is much quicker.
            if (outcome !== reference.outcomes.get(offset)) {
              expect(outcome, `offset ${offset}`).toBe(reference.outcomes.get(offset));
            }
          }
          expect(stateOf(fold)).toEqual(stateOf(reference.fold));
        }
      }),
      { numRuns: 250 },
    );
    // The property says nothing if no pod ever knew the state.
    expect(started).toBeGreaterThan(250);
    expect(decided).toBeGreaterThan(10_000);
  });

  it('comes to the same in two releases until the rules change, and the earlier one notices that', () => {
    fc.assert(
      fc.property(
        fc.array(action, { minLength: 5, maxLength: 40 }),
        fc.array(action, { minLength: 1, maxLength: 20 }),
        (before, after) => {
          const world = new World(true);
          for (const next of before) world.run(next);
          const change = encodeEntry({ pod: 'pod 9', number: 1, clock: 0 }, [
            encodeRecord({ kind: 'rules', version: RULES + 1 }),
          ]);
          const at = world.log.length;
          world.log.push({ offset: at, time: 1e6, data: change });
          for (const next of after) if (next.kind !== 'era') world.run(next);
          const outcomesOf = (fold: Fold): string[] =>
            world.log.map((entry) => {
              const outcomes: string[] = [];
              fold.read(entry, {
                onOutcome: (outcome) => outcomes.push(described(outcome, fold)),
                onEntry: (_, isApplied) => outcomes.push(`${isApplied}`),
                onInvalid: () => outcomes.push('invalid'),
                onPlainRefused: () => outcomes.push('refused'),
              });
              return `${fold.isOutdated} ${outcomes.join(' ')}`;
            });
          const earlier = outcomesOf(new Fold(OPTIONS));
          const later = outcomesOf(new LaterFold({ ...OPTIONS, knownRules: RULES + 1 }));
          expect(earlier.slice(0, at)).toEqual(later.slice(0, at));
          expect(earlier[at]).toMatch(/^true/);
          expect(later[at]).toMatch(/^false/);
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Of a later release: by its rules, nothing is published on one of the channels. */
class LaterFold extends Fold {
  protected override apply(record: LogRecord, place: Place): Outcome {
    if (this.rules > RULES && record.kind === 'publish' && record.channel === 'a') return { kind: 'none' };
    return super.apply(record, place);
  }
}

/** Offsets are consecutive from 1 in every epoch. */
function expectDense({ outcomes }: Reader): void {
  const last = new Map<string, number>();
  for (const lines of outcomes.values()) {
    for (const line of lines.split('\n')) {
      const [, epoch = '', offset] = /^stored (\S+) {"offset":(\d+)/.exec(line) ?? [];
      if (offset === undefined) continue;
      const next = (last.get(epoch) ?? 0) + 1;
      if (Number(offset) !== next) expect(line).toBe(`offset ${next}`);
      last.set(epoch, Number(offset));
    }
  }
}
