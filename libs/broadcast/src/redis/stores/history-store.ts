import type { HistoryQuery, StoredPublication } from '../../broker.js';
import { queriedRange } from '../../delivery/completeness.js';
import type { HistoryPage, HistoryStore } from '../../delivery/history-reader.js';
import { sizeArgument } from '../client/arguments.js';
import { ANSWERS, wholeNumberIn, type RedisInput } from '../input.js';
import type { Keyspace } from '../keyspace.js';
import { SCRIPTS } from '../scripts/index.js';
import type { Router } from '../topology/router.js';

/** Reads a channel's stream. */
export class RedisHistoryStore implements HistoryStore {
  readonly #router: Router;
  readonly #keyspace: Keyspace;
  readonly #nextEpoch: () => string;
  readonly #input: RedisInput;

  constructor(router: Router, keyspace: Keyspace, input: RedisInput, nextEpoch: () => string) {
    this.#router = router;
    this.#input = input;
    this.#keyspace = keyspace;
    this.#nextEpoch = nextEpoch;
  }

  async read(channel: string, query: HistoryQuery, deadline: number): Promise<HistoryPage> {
    const { since, limit, maxBytes = Infinity, reverse = false } = query;
    const answer = await this.#router.run({
      tag: channel,
      script: SCRIPTS.HISTORY,
      keys: [this.#keyspace.meta(channel), this.#keyspace.log(channel)],
      deadline,
      args: [
        this.#nextEpoch(),
        since?.epoch ?? '',
        since === undefined ? '' : `${since.offset}`,
        sizeArgument(limit),
        reverse ? 1 : 0,
        maxBytes === Infinity ? '' : sizeArgument(maxBytes),
      ],
    });
    const [epoch, offset, oldest, entries] = this.#input.answer(ANSWERS.history, answer, channel);
    const publications = this.#input.readable('publication', channel, entries, publicationIn);
    const end = publications.at(-1)?.offset;
    const isAll = end === undefined ? limit > 0 || oldest > offset : reverse ? end <= oldest : end >= offset;
    const { complete } = queriedRange(query, { epoch, offset, oldest });
    return { history: { epoch, offset, publications, complete }, isAll };
  }
}

/** Parsed by hand, as there may be thousands. @returns undefined for an entry that no script has stored. */
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
