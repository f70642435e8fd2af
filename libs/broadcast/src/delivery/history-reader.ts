import type { History, HistoryQuery, Position } from '../broker.js';
import { STEP_TIMEOUT } from '../call-deadlines.js';
import { isInStream, queriedRange } from './completeness.js';
import { ReadBudget } from './read-budget.js';

/** Size of one publication, if the query does not limit bytes: most are smaller. */
const ASSUMED_BYTES = 65_536;

export interface HistoryPage {
  readonly history: History;
  /** Whether neither the limit nor the number of bytes left anything out. */
  readonly isAll: boolean;
}

/** Reads histories from the server. */
export interface HistoryStore {
  /**
   * @param deadline as {@link performance.now}.
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  read(channel: string, query: HistoryQuery, deadline: number): Promise<HistoryPage>;
}

interface Flight {
  readonly running: Promise<HistoryPage>;
  /** Shared by the callers that asked after it had begun. */
  next?: Promise<HistoryPage>;
}

/** Reads histories from the server: equal reads at the same time become one, and few bytes are in flight at once. */
export class HistoryReader {
  readonly #store: HistoryStore;
  readonly #flights = new Map<string, Flight>();
  readonly #budget = new ReadBudget();

  constructor(store: HistoryStore) {
    this.#store = store;
  }

  /** Callers with the same question at the same time share an answer, which is never older than the question. */
  async shared(channel: string, query: HistoryQuery): Promise<HistoryPage> {
    const { since, limit, maxBytes, reverse = false } = query;
    const id = JSON.stringify([channel, since?.epoch, since?.offset, limit, maxBytes, reverse]);
    const flight = this.#flights.get(id);
    if (flight === undefined) return this.#begin(id, channel, query);
    const begin = async (): Promise<HistoryPage> => this.#begin(id, channel, query);
    flight.next ??= flight.running.then(begin, begin);
    return flight.next;
  }

  /** What follows `since`. Callers that resume at the same time share an answer, although each names another position. */
  async resumed(channel: string, since: Position, limit: number, maxBytes?: number): Promise<History> {
    const { history: newest, isAll } = await this.shared(channel, { limit, maxBytes, reverse: true });
    const publications = newest.publications.toReversed();
    const { epoch, offset } = newest;
    const oldest = publications[0]?.offset ?? offset + 1;
    const { first, complete } = queriedRange({ since }, { epoch, offset, oldest });
    if (complete || isAll) {
      return { ...newest, publications: publications.filter((publication) => publication.offset >= first), complete };
    }
    if (isInStream(since, newest)) return (await this.shared(channel, { since, limit, maxBytes })).history;
    // Without the position, which the server does not know: so all such callers share this answer too.
    return { ...(await this.shared(channel, { limit, maxBytes })).history, complete: false };
  }

  async read(channel: string, query: HistoryQuery): Promise<HistoryPage> {
    const { limit, maxBytes = Infinity } = query;
    const deadline = performance.now() + STEP_TIMEOUT;
    const bytes = limit === 0 ? 0 : Math.min(maxBytes, limit * ASSUMED_BYTES);
    return this.#budget.run(bytes, deadline, async () => this.#store.read(channel, query, deadline));
  }

  async #begin(id: string, channel: string, query: HistoryQuery): Promise<HistoryPage> {
    const flight: Flight = { running: this.read(channel, query) };
    this.#flights.set(id, flight);
    try {
      return await flight.running;
    } finally {
      if (flight.next === undefined) this.#flights.delete(id);
    }
  }
}
