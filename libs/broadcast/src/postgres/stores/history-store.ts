import type { HistoryQuery, StoredPublication } from '../../broker.js';
import { queriedRange } from '../../delivery/completeness.js';
import type { HistoryPage, HistoryStore } from '../../delivery/history-reader.js';
import { BrokerUnavailableError } from '../../errors.js';
import type { Lanes } from '../client/lanes.js';
import { size } from '../numbers.js';
import { fromStored, toStored } from '../text.js';

/** Reads a channel's stream. */
export class PostgresHistoryStore implements HistoryStore {
  readonly #lanes: Lanes;
  readonly #schema: string;
  readonly #renew: (channel: string) => Promise<void>;

  /** @param renew begins the stream of a channel that has ended on another server. */
  constructor(lanes: Lanes, schema: string, renew: (channel: string) => Promise<void>) {
    this.#lanes = lanes;
    this.#schema = schema;
    this.#renew = renew;
  }

  async read(channel: string, query: HistoryQuery, deadline: number): Promise<HistoryPage> {
    const answer = await this.#ask(channel, query, deadline);
    if (answer !== undefined) return answer;
    await this.#renew(channel);
    const renewed = await this.#ask(channel, query, deadline);
    if (renewed === undefined) throw new BrokerUnavailableError('the stream has ended');
    return renewed;
  }

  /** @returns undefined if the stream has ended. */
  async #ask(channel: string, query: HistoryQuery, deadline: number): Promise<HistoryPage | undefined> {
    const { since, limit, maxBytes = Infinity, reverse = false } = query;
    const text = `select epoch, n, at, payload from ${this.#schema}.history_1($1, $2, $3, $4, $5, $6)`;
    const values = [toStored(channel), since?.epoch ?? null, since?.offset ?? 0, size(limit), reverse, size(maxBytes)];
    const [head = [], ...rows] = await this.#lanes.query(text, values, deadline);
    const [epoch, offsetText, oldestText] = head;
    if (typeof epoch !== 'string') return undefined;
    const [offset, oldest] = [Number(offsetText), Number(oldestText)];
    const publications = rows.map(([, n, at, payload]): StoredPublication => ({
      offset: Number(n),
      time: Number(at),
      payload: fromStored(String(payload)),
    }));
    const end = publications.at(-1)?.offset;
    const isAll = end === undefined ? limit > 0 || oldest > offset : reverse ? end <= oldest : end >= offset;
    const { complete } = queriedRange(query, { epoch, offset, oldest });
    return { history: { epoch, offset, publications, complete }, isAll };
  }
}
