import type { History, HistoryQuery, Publication } from '../broker.js';
import type { Names } from './names.js';
import type { Router } from './router.js';
import { SCRIPTS } from './scripts/index.js';

/** The largest COUNT that makes sense to Redis. */
const MAX_LIMIT = 1_000_000_000;

/** Reads a channel's stream from Redis. */
export class StreamReader {
  readonly #router: Router;
  readonly #names: Names;
  readonly #nextEpoch: () => string;
  readonly #flights = new Map<string, Promise<History>>();

  constructor(router: Router, names: Names, nextEpoch: () => string) {
    this.#router = router;
    this.#names = names;
    this.#nextEpoch = nextEpoch;
  }

  /** Those who ask the same at the same time share one answer. */
  async shared(channel: string, query: HistoryQuery): Promise<History> {
    const { since, limit, reverse = false } = query;
    const id = JSON.stringify([channel, since?.epoch, since?.offset, limit, reverse]);
    const known = this.#flights.get(id);
    if (known !== undefined) return known;
    const flight = this.read(channel, query).finally(() => this.#flights.delete(id));
    this.#flights.set(id, flight);
    return flight;
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
}

function publicationOf([id, [, payload]]: [string, [string, string]]): Publication {
  const dash = id.indexOf('-');
  return { offset: Number(id.slice(0, dash)), time: Number(id.slice(dash + 1)), payload };
}
