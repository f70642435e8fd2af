import type { History, HistoryQuery, Position, StoredPublication, StreamOptions } from '../broker.js';
import { isInStream, queriedRange } from './completeness.js';
import { pageOf, PublicationLog } from './publication-log.js';

/** Limits of one channel, in publications and in UTF-16 code units. */
const MAX_PUBLICATIONS = 1_024;
const MAX_LENGTH = 1_048_576;

/** What all channels of a pod may keep in total, in UTF-16 code units. */
export class RecentBudget {
  used = 0;

  constructor(readonly limit = 33_554_432) {}
}

/** The recent publications of a subscribed channel, kept on the pod so that most resumes need no read from the server. */
export class RecentPublications {
  readonly #budget: RecentBudget;
  #log = new PublicationLog();
  #length = 0;
  /** Whether the server's history holds nothing older. */
  #isAll = false;
  #filled = false;

  constructor(budget: RecentBudget) {
    this.#budget = budget;
  }

  /** Whether reading older publications is worthwhile. */
  get canBeFilled(): boolean {
    return !this.#isAll && !this.#filled;
  }

  /** The first offset in memory, or the next offset if there is none. */
  oldest(position: Position): number {
    return this.#log.oldest?.offset ?? position.offset + 1;
  }

  /** Starts again after this position. */
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
   * Adds older publications before the present ones.
   *
   * @param older oldest first.
   * @param isAll whether the server has nothing before them.
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

  /** What follows `since`, up to the position; undefined if not all of that is in memory. */
  after(
    { since, limit, maxBytes }: HistoryQuery & { readonly since: Position },
    position: Position,
    options: StreamOptions,
    now: number,
  ): History | undefined {
    this.#expire(options, now);
    // Another pod has delivered a publication that has not arrived here: only the server knows what precedes it.
    if (since.epoch === position.epoch && !isInStream(since, position)) return undefined;
    const { first, last, complete } = queriedRange({ since }, { ...position, oldest: this.oldest(position) });
    if (!complete && !this.#isAll) return undefined;
    const publications = this.#log.range(first, Math.min(last, first + limit - 1));
    return { ...position, publications: pageOf(publications, maxBytes), complete };
  }

  /** Drops what the server has dropped as well. */
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
