import type { History, HistoryQuery, Position, Publication } from '../broker.js';
import type { Names } from './names.js';
import type { Router } from './router.js';
import { SCRIPTS } from './scripts/index.js';

/** The largest COUNT that makes sense to Redis. */
const MAX_LIMIT = 1_000_000_000;

interface Flight {
  readonly running: Promise<History>;
  /** For those who asked after it had begun. */
  next?: Promise<History>;
}

/** Reads a channel's stream from Redis. */
export class StreamReader {
  readonly #router: Router;
  readonly #names: Names;
  readonly #nextEpoch: () => string;
  readonly #flights = new Map<string, Flight>();

  constructor(router: Router, names: Names, nextEpoch: () => string) {
    this.#router = router;
    this.#names = names;
    this.#nextEpoch = nextEpoch;
  }

  /** Those who ask the same at the same time share an answer, which is never older than the question. */
  async shared(channel: string, query: HistoryQuery): Promise<History> {
    const { since, limit, reverse = false } = query;
    const id = JSON.stringify([channel, since?.epoch, since?.offset, limit, reverse]);
    const flight = this.#flights.get(id);
    if (flight === undefined) return this.#begin(id, channel, query);
    const begin = async (): Promise<History> => this.#begin(id, channel, query);
    flight.next ??= flight.running.then(begin, begin);
    return flight.next;
  }

  /** What follows `since`. Those who resume at the same time, each from a place of its own, share an answer. */
  async resumed(channel: string, since: Position, limit: number): Promise<History> {
    const newest = await this.shared(channel, { limit, reverse: true });
    const publications = newest.publications.toReversed();
    const isAll = publications.length < limit;
    const next = since.offset + 1;
    if (since.epoch !== newest.epoch || since.offset > newest.offset) {
      const history = isAll ? { ...newest, publications } : await this.shared(channel, { limit });
      return { ...history, complete: false };
    }
    const complete = next >= (publications[0]?.offset ?? newest.offset + 1);
    if (complete) return { ...newest, publications: publications.filter(({ offset }) => offset >= next), complete };
    return isAll ? { ...newest, publications, complete } : this.shared(channel, { since, limit });
  }

  async read(channel: string, { since, limit, reverse = false }: HistoryQuery): Promise<History> {
    const names = this.#names;
    const answer = (await this.#router.run({
      tag: channel,
      script: SCRIPTS.HISTORY,
      keys: [names.meta(channel), names.log(channel)],
      args: [
        this.#nextEpoch(),
        since?.epoch ?? '',
        since === undefined ? '' : `${since.offset}`,
        Math.min(limit, MAX_LIMIT),
        reverse ? 1 : 0,
      ],
    })) as [string, string, string, [string, [string, string]][]];
    const [epoch, offset, oldest, entries] = answer;
    const position = { epoch, offset: Number(offset) };
    const publications = entries.map(publicationOf);
    if (since === undefined) return { ...position, publications, complete: true };
    const isInStream = since.epoch === epoch && since.offset <= position.offset;
    const nearest = reverse ? since.offset - 1 : since.offset + 1;
    const complete = isInStream && (nearest >= Number(oldest) || nearest < 1);
    return { ...position, publications, complete };
  }

  async #begin(id: string, channel: string, query: HistoryQuery): Promise<History> {
    const flight: Flight = { running: this.read(channel, query) };
    this.#flights.set(id, flight);
    try {
      return await flight.running;
    } finally {
      if (flight.next === undefined) this.#flights.delete(id);
    }
  }
}

function publicationOf([id, [, payload]]: [string, [string, string]]): Publication {
  const dash = id.indexOf('-');
  return { offset: Number(id.slice(0, dash)), time: Number(id.slice(dash + 1)), payload };
}
