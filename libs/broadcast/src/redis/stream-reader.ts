import type { History, HistoryQuery, Position, Publication } from '../broker.js';
import { ANSWERS, wholeNumberIn, type RedisInput } from './input.js';
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
  readonly #input: RedisInput;
  readonly #flights = new Map<string, Flight>();

  constructor(router: Router, names: Names, input: RedisInput, nextEpoch: () => string) {
    this.#router = router;
    this.#input = input;
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
    const answer = await this.#router.run({
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
    });
    const [epoch, offset, oldest, entries] = this.#input.answer(ANSWERS.history, answer, channel);
    const position = { epoch, offset };
    const publications: Publication[] = [];
    for (const entry of entries) {
      const publication = publicationIn(entry);
      if (publication === undefined) this.#input.publication(channel);
      else publications.push(publication);
    }
    if (since === undefined) return { ...position, publications, complete: true };
    const isInStream = since.epoch === epoch && since.offset <= position.offset;
    const nearest = reverse ? since.offset - 1 : since.offset + 1;
    const complete = isInStream && (nearest >= oldest || nearest < 1);
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

/** By hand, as there may be thousands. @returns undefined for what no script has stored. */
function publicationIn(entry: unknown): Publication | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [id, fields] = entry as unknown[];
  if (typeof id !== 'string' || !Array.isArray(fields)) return undefined;
  const [name, payload] = fields as unknown[];
  if (name !== 'p' || typeof payload !== 'string') return undefined;
  const dash = id.indexOf('-');
  const [offset, time] = [wholeNumberIn(id.slice(0, dash)), wholeNumberIn(id.slice(dash + 1))];
  return offset === undefined || time === undefined ? undefined : { offset, time, payload };
}
