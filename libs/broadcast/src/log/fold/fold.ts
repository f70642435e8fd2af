import type { ChannelMember, RegisteredConnection } from '../../broker.js';
import { crc32 } from 'node:zlib';
import { plainPublish, type PlainFormat, type PlainMessage, type PlainRefusal } from '../../plain-messages.js';
import type { LogEntry, LogOffset } from '../log-adapter.js';
import { partitionOf } from '../partition-of.js';
import { decodeEntry, type DecodedEntry } from '../records/entry-codec.js';
import { NO_ERA, type DeadRecord, type EraRecord, type LogRecord, type PublishRecord } from '../records/records.js';
import { ChannelTable, epochOf } from './channel-table.js';
import { Digest } from './digest.js';
import { Generations } from './generations.js';
import type { HolderTable } from './holder-table.js';
import { KeyTable } from './key-table.js';
import { LogTime } from './log-time.js';
import { Membership } from './membership.js';
import { NOTHING, type Outcome } from './outcome.js';
import type { Place } from './place.js';
import { NO_PLAIN, parsePolicy } from './plain.js';
import { PodState, PodTable } from './pod-table.js';
import { RULES } from './rules.js';

/** The author of plain messages. */
const NOBODY = new PodState('');

export interface FoldOptions {
  readonly index?: number;
  readonly format?: PlainFormat;
  /** The latest rules that are known. */
  readonly knownRules?: number;
}

/** What the fold of an entry calls, synchronously and in the order of the records. */
export interface FoldEvents {
  onOutcome(outcome: Outcome, record: LogRecord, place: Place): void;
  /** The records of an entry are complete, or have no effect. @param isApplied false if it came twice or too late. */
  onEntry(entry: DecodedEntry, isApplied: boolean): void;
  /** An entry is not the engine's. */
  onInvalid(): void;
  /** A plain message was not published. */
  onPlainRefused(channel: string, reason: PlainRefusal): void;
}

/**
 * The state of a partition: a pure function of its entries. Every pod decides the same about every record, whenever it started. So
 * nothing here may depend on a clock, on chance, or on what only this pod knows.
 */
export class Fold {
  readonly generations = new Generations();
  readonly time = new LogTime();
  readonly digest = new Digest();
  readonly pods = new PodTable();
  readonly channels = new ChannelTable(this.generations);
  readonly keys = new KeyTable(this.generations);
  readonly #membership = new Membership(this.generations, this.digest);
  era = NO_ERA;
  /** Where the era began. */
  eraAt: LogOffset = -1;
  /** How many partitions the log has, according to the writer of the era. */
  partitions = 0;
  rules = 1;
  /** The offset after the last entry. */
  at: LogOffset = 0;
  /** As text. */
  policy = '';
  #policy = parsePolicy('');
  /** A later release writes what this one does not understand: the state is not right any more. */
  isOutdated = false;
  /** Of the entry that is being read. */
  #isWriterBehind = false;
  readonly #index: number;
  readonly #format: PlainFormat;
  readonly #knownRules: number;

  /** @param index of the partition. */
  constructor({ index = 0, format = NO_PLAIN, knownRules = RULES }: FoldOptions = {}) {
    this.#index = index;
    this.#format = format;
    this.#knownRules = knownRules;
  }

  get members(): HolderTable<ChannelMember> {
    return this.#membership.members;
  }

  get connections(): HolderTable<RegisteredConnection> {
    return this.#membership.connections;
  }

  setPolicy(policy: string): void {
    this.policy = policy;
    this.#policy = parsePolicy(policy);
  }

  /** The rules from here on: never earlier ones. */
  setRules(version: number): void {
    this.rules = Math.max(this.rules, version);
    if (this.rules > this.#knownRules) this.isOutdated = true;
  }

  /** Folds the next entry. */
  read({ offset, time, data, plain, isWriterBehind = false }: LogEntry, events: FoldEvents): void {
    this.at = offset + 1;
    this.#isWriterBehind = isWriterBehind;
    if (plain !== undefined) this.#readPlain(plain, offset, time, events);
    if (data.length === 0) return;
    const decoded = decodeEntry(data);
    if (time !== undefined) this.time.advance(time);
    this.digest.mix(decoded.checksum);
    if (decoded.kind === 'entry') this.#fold(decoded.entry, offset, time, events);
    else if (decoded.kind === 'newer') this.isOutdated = true;
    else events.onInvalid();
    this.digest.mark(offset);
  }

  #readPlain(plain: PlainMessage, offset: LogOffset, time: number | undefined, events: FoldEvents): void {
    if (time !== undefined) this.time.advance(time);
    this.digest.mix(crc32(plain.channel));
    this.digest.mix(crc32(plain.body));
    const request = this.#isHere(plain) ? plainPublish(plain, this.#policy, this.#format) : 'misplaced';
    if (typeof request === 'string') events.onPlainRefused(plain.channel, request);
    else {
      const place: Place = { offset, index: 0, time: this.time.now, pod: NOBODY };
      const record = { kind: 'publish', ...request } as const;
      const outcome = this.apply(record, place);
      events.onOutcome(outcome, record, place);
      if (outcome.kind === 'conflict') events.onPlainRefused(plain.channel, 'key_conflict');
    }
    this.digest.mark(offset);
  }

  /** Before the first era everything is: how many partitions count is not known. */
  #isHere({ channel }: PlainMessage): boolean {
    return this.era === NO_ERA || partitionOf(channel, this.partitions) === this.#index;
  }

  #fold(entry: DecodedEntry, offset: LogOffset, time: number | undefined, events: FoldEvents): void {
    // A pod that does not know what came before must come to the same: whether the author was dead does not matter, for example.
    const isBeginning = entry.records.some((record) => record.kind === 'era' && this.#isNext(record));
    if (isBeginning) {
      this.pods.clear();
      this.time.restore(time ?? entry.clock);
    }
    const pod = this.pods.author(entry.pod, entry.number, this.time.now);
    if (pod === undefined) {
      events.onEntry(entry, false);
      return;
    }
    if (time === undefined && !isBeginning) this.time.follow(pod, entry.clock, this.pods);
    pod.seen = this.time.now;
    const place: Place = { offset, index: 0, time: this.time.now, pod };
    for (const record of entry.records) {
      events.onOutcome(this.apply(record, place), record, place);
      place.index += 1;
    }
    events.onEntry(entry, true);
  }

  protected apply(record: LogRecord, place: Place): Outcome {
    switch (record.kind) {
      case 'publish':
        return this.#publish(record, place);
      case 'open': {
        const channel = this.channels.use(record.channel, record.stream, place);
        this.channels.open(channel, place.pod);
        return { kind: 'opened', channel };
      }
      case 'quit': {
        const channel = this.channels.get(record.channel, place.time);
        if (channel !== undefined) this.channels.close(channel, place.pod, place.time);
        return NOTHING;
      }
      case 'join':
        return this.#membership.join(record, place);
      case 'leave':
        return this.#membership.leave(record);
      case 'evict':
        return this.#membership.evict(record, place.pod);
      case 'register':
        return this.#membership.register(record, place);
      case 'unregister':
        this.#membership.unregister(record);
        return NOTHING;
      case 'expel':
        this.#membership.expel(record, place.pod);
        return NOTHING;
      case 'signal':
        return record;
      case 'beacon':
        place.pod.rules = record.rules;
        return NOTHING;
      case 'dead':
        return this.#dead(record, place);
      case 'rename':
        this.#rename(record.former, place);
        return NOTHING;
      case 'bye':
        this.channels.closeAll(place.pod, place.time);
        this.connections.removeAll(place.pod);
        return NOTHING;
      case 'digest':
        // The writer will notice by itself that it has missed something: nobody else has to begin again.
        return {
          kind: 'digest',
          differs: this.#isWriterBehind ? undefined : this.digest.differs(record.offset, record.hash),
        };
      case 'era':
        return this.#begin(record, place);
      case 'rules':
        this.setRules(record.version);
        return NOTHING;
      case 'policy':
        this.setPolicy(record.policy);
        return NOTHING;
      case 'mark':
      case 'ask':
      case 'state':
      case 'unknown':
        return NOTHING;
    }
  }

  #publish({ channel: name, payload, stream, idempotency }: PublishRecord, place: Place): Outcome {
    const { time } = place;
    const known = idempotency && this.keys.get(name, idempotency, time);
    if (known !== undefined) {
      if (known.fingerprint !== idempotency?.fingerprint) return { kind: 'conflict' };
      return { kind: 'duplicate', epoch: epochOf(this.era, known.beganAt, known.beganIndex), offset: known.offset };
    }
    const channel = this.channels.use(name, stream, place);
    this.channels.publish(channel, time);
    if (idempotency !== undefined) this.keys.add(channel, idempotency, time);
    this.digest.mix(channel.offset);
    return { kind: 'stored', channel, publication: { offset: channel.offset, time, payload } };
  }

  #dead({ pod: id, seen }: DeadRecord, { time }: Place): Outcome {
    const pod = this.pods.named(id);
    if (pod.isDead || (seen !== undefined && pod.number > seen)) return NOTHING;
    pod.isDead = true;
    pod.seen = time;
    this.channels.closeAll(pod, time);
    return { kind: 'dead', pod: id, ...this.#membership.removeAll(pod) };
  }

  #rename(former: string, { pod, time }: Place): void {
    const from = this.pods.named(former);
    if (from.isDead || from === pod) return;
    from.isDead = true;
    from.seen = time;
    this.channels.move(from, pod);
    this.#membership.move(from, pod);
  }

  #isNext({ cause, id }: EraRecord): boolean {
    return id !== NO_ERA && (this.era === NO_ERA || cause > this.eraAt);
  }

  #begin(record: EraRecord, { offset }: Place): Outcome {
    if (!this.#isNext(record)) return NOTHING;
    const { id, partitions, policy } = record;
    this.era = id;
    this.partitions = partitions;
    this.eraAt = offset;
    this.rules = 1;
    this.setPolicy(policy);
    const channels = [...this.channels.map.values()];
    for (const table of [this.channels, this.keys, this.#membership]) table.clear();
    this.digest.restore(0);
    for (const letter of id) this.digest.mix(letter.codePointAt(0) ?? 0);
    return { kind: 'era', id, channels };
  }
}
