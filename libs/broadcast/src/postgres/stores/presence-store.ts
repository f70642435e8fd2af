import type { BrokerEvents, MemberList, MembershipChange, MembersQuery } from '../../broker.js';
import type { Restored } from '../../membership/leased-entries.js';
import type { MemberEntry, PresenceStore } from '../../membership/leased-presence.js';
import type { Row } from '../client/connection.js';
import { parseMember, readable } from '../input.js';
import { size } from '../numbers.js';
import { fromStored, toStored } from '../text.js';
import type { StoreContext } from './context.js';

/** Members that one statement sweeps at most. */
const SWEEP = 200;

/** Stores and announces the members of channels. */
export class PostgresPresenceStore implements PresenceStore {
  readonly #context: StoreContext;
  readonly #onLateMembership: BrokerEvents['onLateMembership'];

  constructor(context: StoreContext, onLateMembership: BrokerEvents['onLateMembership']) {
    this.#context = context;
    this.#onLateMembership = onLateMembership;
  }

  async join(channel: string, entry: MemberEntry): Promise<MembershipChange> {
    const { lanes, schema, pod } = this.#context;
    const { member, holder } = entry;
    const values = [toStored(channel), toStored(member.client), pod, toStored(holder), encoded(entry)];
    const [row = []] = await lanes.query(`select * from ${schema}.join_1($1, $2, $3, $4, $5)`, values);
    const [changed, count, since] = row;
    entry.since = Number(since);
    return { changed: changed === true, count: Number(count) };
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    const { lanes, schema } = this.#context;
    const values = [toStored(channel), toStored(client), toStored(holder)];
    const [row = []] = await lanes.query(`select * from ${schema}.leave_1($1, $2, $3)`, values);
    const [changed, count] = row;
    return { changed: changed === true, count: Number(count) };
  }

  async members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): Promise<MemberList> {
    const { lanes, schema, report } = this.#context;
    const values = [toStored(channel), size(limit), size(maxBytes)];
    const [head, ...rows] = await lanes.query(`select * from ${schema}.members_1($1, $2, $3)`, values);
    const stored = rows.map(([, body]) => body);
    return { members: readable(report, 'member', channel, stored, parseMember), count: Number(head?.[0] ?? 0) };
  }

  async restore(channel: string, entries: readonly (readonly [string, MemberEntry])[]): Promise<Restored> {
    const { lanes, schema, pod } = this.#context;
    const [head, ...announced] = await lanes.query(`select * from ${schema}.rejoin_1($1, $2, $3, $4, $5, $6)`, [
      toStored(channel),
      pod,
      entries.map(([client]) => toStored(client)),
      entries.map(([, { holder }]) => toStored(holder)),
      entries.map(([, entry]) => encoded(entry)),
      entries.map(([, { since }]) => since),
    ]);
    for (const [index, count] of announced) {
      const [, entry] = entries[Number(index) - 1] ?? [];
      if (entry !== undefined) this.#onLateMembership('join', channel, entry.member, Number(count));
    }
    return { own: Number(head?.[0] ?? 0), total: Number(head?.[1] ?? 0) };
  }

  async remove(channel: string, clients: readonly string[]): Promise<void> {
    await this.#evict(channel, this.#context.pod, clients.map(toStored), clients.length);
  }

  async stored(channel: string): Promise<string[]> {
    const { lanes, schema, pod } = this.#context;
    const text = `select client from ${schema}.member where channel = $1 and pod = $2`;
    const rows = await lanes.query(text, [toStored(channel), pod]);
    return rows.map(([client]) => fromStored(String(client)));
  }

  /** Members do not expire: another pod removes them. */
  async prolong(): Promise<boolean> {
    return true;
  }

  async sweep(channel: string, dead: string): Promise<boolean> {
    return (await this.#evict(channel, dead, null, SWEEP)) === SWEEP;
  }

  /** @returns how many were removed. */
  async #evict(channel: string, pod: string, clients: readonly string[] | null, most: number): Promise<number> {
    const { lanes, schema } = this.#context;
    const text = `select * from ${schema}.evict_1($1, $2, $3, $4)`;
    const rows = await lanes.query(text, [toStored(channel), pod, clients, most]);
    this.#reportLeaves(channel, rows);
    return rows.length;
  }

  #reportLeaves(channel: string, rows: readonly Row[]): void {
    for (const [count, body] of rows) {
      const [member] = readable(this.#context.report, 'member', channel, [body], parseMember);
      if (member !== undefined) this.#onLateMembership('leave', channel, member, Number(count));
    }
  }
}

/** A member as other pods receive it. */
function encoded({ member: { client, details } }: MemberEntry): string {
  return JSON.stringify({ client, details });
}
