import type { History, HistoryQuery, Position, StoredPublication, StreamOptions } from '../broker.js';
import { pageOf, PublicationLog } from './publication-log.js';

/** Of one channel. */
const MAX_PUBLICATIONS = 1_024;
const MAX_LENGTH = 1_048_576;

/** What all channels of a pod may keep together, in UTF-16 code units. */
export class RecentBudget {
  used = 0;

  constructor(readonly limit = 33_554_432) {}
}

/** A subscribed channel's recent publications, kept on the pod so that most resumes ask Redis for nothing. */
export class RecentPublications {
  readonly #budget: RecentBudget;
  #log = new PublicationLog();
  #length = 0;
  /** Whether the history on the server holds nothing older. */
  #isAll = false;
  #filled = false;

  constructor(budget: RecentBudget) {
    this.#budget = budget;
  }

  /** Whether it is worth asking for what is older. */
  get canBeFilled(): boolean {
    return !this.#isAll && !this.#filled;
  }

  /** The first offset that is known, or the next one. */
  oldest(position: Position): number {
    return this.#log.oldest?.offset ?? position.offset + 1;
  }

  /** Begins anew after this position. */
  reset({ offset }: Position): void {
    this.#budget.used -= this.#length;
    this.#length = 0;
    this.#log = new PublicationLog();
    this.#isAll = offset === 0;
    this.#filled = false;
  }

  append(publication: StoredPublication, options: StreamOptions, now: number): void {
    this.#add(publication);
    this.#expire(options, now);
    while (this.#log.length > 0 && this.#isFull()) {
      this.#dropOldest();
      this.#isAll = false;
    }
  }

  /**
   * Puts what is older before what there is.
   *
   * @param older oldest first.
   * @param isAll whether there is nothing before that.
   */
  prepend(older: readonly StoredPublication[], isAll: boolean, position: Position): void {
    this.#filled = true;
    const next = this.oldest(position);
    const fitting = older.filter(({ offset }) => offset < next);
    const last = fitting.at(-1);
    if (last !== undefined && last.offset !== next - 1) return;
    const newer = this.#log.range(0, Infinity);
    this.#budget.used -= this.#length;
    this.#length = 0;
    this.#log = new PublicationLog();
    for (const publication of [...fitting, ...newer]) this.#add(publication);
    this.#isAll = isAll;
    while (this.#log.length > 0 && this.#isFull()) {
      this.#dropOldest();
      this.#isAll = false;
    }
  }

  /** What follows `since`, up to the position; undefined where that is not all known here. */
  after(
    { since, limit, maxBytes }: HistoryQuery & { readonly since: Position },
    position: Position,
    options: StreamOptions,
    now: number,
  ): History | undefined {
    this.#expire(options, now);
    const oldest = this.oldest(position);
    const isSameEpoch = since.epoch === position.epoch;
    // Another pod was told of it before this one: what came up to there is for the server to say.
    if (isSameEpoch && since.offset > position.offset) return undefined;
    const first = since.offset + 1;
    const complete = isSameEpoch && first >= oldest;
    if (!complete && !this.#isAll) return undefined;
    const start = complete ? first : oldest;
    const last = Math.min(position.offset, start + limit - 1);
    return { ...position, publications: pageOf(this.#log.range(start, last), maxBytes), complete };
  }

  /** What the server has forgotten as well. */
  #expire({ historySize, historyTtl }: StreamOptions, now: number): void {
    for (;;) {
      const { oldest, length } = this.#log;
      if (oldest === undefined || (length <= historySize && oldest.time > now - historyTtl)) return;
      this.#dropOldest();
    }
  }

  #isFull(): boolean {
    return this.#log.length > MAX_PUBLICATIONS || this.#length > MAX_LENGTH || this.#budget.used > this.#budget.limit;
  }

  #add(publication: StoredPublication): void {
    this.#log.append(publication);
    this.#length += publication.payload.length;
    this.#budget.used += publication.payload.length;
  }

  #dropOldest(): void {
    const length = this.#log.oldest?.payload.length ?? 0;
    this.#log.trim(this.#log.length - 1, -Infinity);
    this.#length -= length;
    this.#budget.used -= length;
  }
}
