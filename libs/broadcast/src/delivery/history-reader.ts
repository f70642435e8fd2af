import type { History, HistoryQuery, Position, StoredPublication } from '../broker.js';
import { sizeArgument } from '../redis/client/arguments.js';
import { ANSWERS, wholeNumberIn, type RedisInput } from '../redis/input.js';
import type { Keyspace } from '../redis/keyspace.js';
import { ReadBudget } from './read-budget.js';
import { CALL_TIMEOUT, type Call, type Router } from '../redis/topology/router.js';
import { SCRIPTS } from '../redis/scripts/index.js';

/** Of one publication, if nobody has said how many it may be: most are smaller. */
const ASSUMED_BYTES = 65_536;

export interface Page {
  readonly history: History;
  /** Whether neither the limit nor the bytes left anything out. */
  readonly isAll: boolean;
}

interface Flight {
  readonly running: Promise<Page>;
  /** For those who asked after it had begun. */
  next?: Promise<Page>;
}

/** Reads a channel's stream from Redis. */
export class StreamReader {
  readonly #router: Router;
  readonly #names: Keyspace;
  readonly #nextEpoch: () => string;
  readonly #input: RedisInput;
  readonly #flights = new Map<string, Flight>();
  readonly #budget = new ReadBudget();

  constructor(router: Router, names: Keyspace, input: RedisInput, nextEpoch: () => string) {
    this.#router = router;
    this.#input = input;
    this.#names = names;
    this.#nextEpoch = nextEpoch;
  }

  /** Those who ask the same at the same time share an answer, which is never older than the question. */
  async shared(channel: string, query: HistoryQuery): Promise<Page> {
    const { since, limit, maxBytes, reverse = false } = query;
    const id = JSON.stringify([channel, since?.epoch, since?.offset, limit, maxBytes, reverse]);
    const flight = this.#flights.get(id);
    if (flight === undefined) return this.#begin(id, channel, query);
    const begin = async (): Promise<Page> => this.#begin(id, channel, query);
    flight.next ??= flight.running.then(begin, begin);
    return flight.next;
  }

  /** What follows `since`. Those who resume at the same time, each from a place of its own, share an answer. */
  async resumed(channel: string, since: Position, limit: number, maxBytes?: number): Promise<History> {
    const { history: newest, isAll } = await this.shared(channel, { limit, maxBytes, reverse: true });
    const publications = newest.publications.toReversed();
    const next = since.offset + 1;
    if (since.epoch !== newest.epoch || since.offset > newest.offset) {
      const first = isAll ? { ...newest, publications } : (await this.shared(channel, { limit, maxBytes })).history;
      return { ...first, complete: false };
    }
    const complete = next >= (publications[0]?.offset ?? newest.offset + 1);
    if (complete) return { ...newest, publications: publications.filter(({ offset }) => offset >= next), complete };
    if (isAll) return { ...newest, publications, complete };
    return (await this.shared(channel, { since, limit, maxBytes })).history;
  }

  async read(channel: string, { since, limit, maxBytes = Infinity, reverse = false }: HistoryQuery): Promise<Page> {
    const names = this.#names;
    const deadline = performance.now() + CALL_TIMEOUT;
    const call: Call = {
      tag: channel,
      script: SCRIPTS.HISTORY,
      keys: [names.meta(channel), names.log(channel)],
      deadline,
      args: [
        this.#nextEpoch(),
        since?.epoch ?? '',
        since === undefined ? '' : `${since.offset}`,
        sizeArgument(limit),
        reverse ? 1 : 0,
        maxBytes === Infinity ? '' : sizeArgument(maxBytes),
      ],
    };
    const bytes = limit === 0 ? 0 : Math.min(maxBytes, limit * ASSUMED_BYTES);
    const answer = await this.#budget.run(bytes, deadline, async () => this.#router.run(call));
    const [epoch, offset, oldest, entries] = this.#input.answer(ANSWERS.history, answer, channel);
    const position = { epoch, offset };
    const publications: StoredPublication[] = [];
    for (const entry of entries) {
      const publication = publicationIn(entry);
      if (publication === undefined) this.#input.publication(channel);
      else publications.push(publication);
    }
    const end = publications.at(-1)?.offset;
    const isAll =
      end === undefined ? limit > 0 || oldest > position.offset : reverse ? end <= oldest : end >= position.offset;
    if (since === undefined) return { history: { ...position, publications, complete: true }, isAll };
    const isInStream = since.epoch === epoch && since.offset <= position.offset;
    const nearest = reverse ? since.offset - 1 : since.offset + 1;
    const complete = isInStream && (nearest >= oldest || nearest < 1);
    return { history: { ...position, publications, complete }, isAll };
  }

  async #begin(id: string, channel: string, query: HistoryQuery): Promise<Page> {
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
function publicationIn(entry: unknown): StoredPublication | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [id, fields] = entry as unknown[];
  if (typeof id !== 'string' || !Array.isArray(fields)) return undefined;
  const [name, payload] = fields as unknown[];
  if (name !== 'p' || typeof payload !== 'string') return undefined;
  const dash = id.indexOf('-');
  const [offset, time] = [wholeNumberIn(id.slice(0, dash)), wholeNumberIn(id.slice(dash + 1))];
  return offset === undefined || time === undefined ? undefined : { offset, time, payload };
}
