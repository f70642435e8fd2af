import type { ChannelsQuery } from '../../broker.js';
import type { IndexStore, PodIndexKind } from '../../membership/pod-index.js';
import { LEASE, type Heartbeat, type LeaseStore } from '../../membership/pod-lease.js';
import type { SweepStore } from '../../membership/upkeep.js';
import { size } from '../numbers.js';
import { fromStored, toStored } from '../text.js';
import type { StoreContext } from './context.js';

/** ms for which one pod claims to sweep another; renewed at each step. */
const CLAIM = 10_000;
/** ms without a heartbeat of any pod after which the server counts as having been unreachable. */
const AWAY = 7_000;
const PAGE = 50;

/** Where the names of each kind are stored. Those of members and connections are there as soon as these are. */
const TABLES: Readonly<Record<PodIndexKind, readonly [table: string, column: string]>> = {
  channels: ['subscription', 'channel'],
  presence: ['member', 'channel'],
  users: ['connection', 'owner'],
};

/** Stores the leases of pods, and what each of them has. */
export class PostgresPodStore implements LeaseStore, IndexStore, SweepStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async beat(nonce: string): Promise<Heartbeat> {
    const { lanes, schema, pod } = this.#context;
    const text = `select birth, is_contested, dead from ${schema}.beat_1($1, $2, $3, $4, $5)`;
    const [row = []] = await lanes.query(text, [pod, `${pod}.${nonce}`, LEASE, CLAIM, AWAY]);
    const [birth, isContested, dead] = row;
    const pods = Array.isArray(dead) ? dead.map(String) : [];
    return { birth: String(birth), isContested: isContested === true, dead: pods };
  }

  /** The pods that are alive now. */
  async alive(): Promise<ReadonlySet<string>> {
    const { lanes, schema } = this.#context;
    const rows = await lanes.query(`select name from ${schema}.pod where until > ${schema}.now_1()`);
    return new Set(rows.map(([name]) => String(name)));
  }

  /** Channels with a subscriber on a live pod. */
  async channels({ prefix = '', after = '', limit }: ChannelsQuery): Promise<string[]> {
    const { lanes, schema } = this.#context;
    const text = `select distinct s.channel from ${schema}.subscription s join ${schema}.pod p on p.name = s.pod
      where s.is_active and p.until > ${schema}.now_1() and s.channel > $1 and s.channel >= $2 and starts_with(s.channel, $2)
      order by s.channel limit $3`;
    const rows = await lanes.query(text, [toStored(after), toStored(prefix), size(limit)]);
    return rows.map(([channel]) => fromStored(String(channel)));
  }

  async claim(dead: string): Promise<boolean> {
    const { lanes, schema, pod } = this.#context;
    const [row] = await lanes.query(`select ${schema}.claim_1($1, $2, $3)`, [pod, dead, CLAIM]);
    return row?.[0] === true;
  }

  async removeSwept(): Promise<void> {
    // What was swept is not in its table any more.
  }

  async forget(dead: string): Promise<void> {
    const { lanes, schema } = this.#context;
    await lanes.query(`select ${schema}.forget_1($1)`, [dead]);
  }

  async write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void> {
    if (kind !== 'channels') return;
    const { lanes, schema, pod } = this.#context;
    const text = `with left_ones as (
        update ${schema}.subscription set is_active = false where pod = $1 and channel = any ($3::text[])
      )
      insert into ${schema}.subscription (pod, channel, is_active) select $1, c, true from unnest($2::text[]) c order by c
      on conflict (pod, channel) do update set is_active = true`;
    await lanes.query(text, [pod, added.map(toStored), removed.map(toStored)]);
  }

  /** Names do not expire. */
  async keep(): Promise<void> {
    // Nothing to do.
  }

  async page(pod: string, kind: PodIndexKind, after: string): Promise<string[]> {
    const { lanes, schema } = this.#context;
    const [table, column] = TABLES[kind];
    const isListed = kind === 'channels' ? 'and is_active' : '';
    const text = `select distinct ${column} from ${schema}.${table} where pod = $1 and ${column} > $2 ${isListed}
      order by ${column} limit ${PAGE}`;
    const rows = await lanes.query(text, [pod, toStored(after)]);
    return rows.map(([name]) => fromStored(String(name)));
  }

  async clear(kind: PodIndexKind): Promise<void> {
    if (kind !== 'channels') return;
    const { lanes, schema, pod } = this.#context;
    await lanes.query(`delete from ${schema}.subscription where pod = $1`, [pod]);
  }

  /** Creates and drops partitions, and deletes what has expired. @param interval ms since another pod did so, at least. */
  async upkeep(interval: number): Promise<void> {
    const { lanes, schema } = this.#context;
    await lanes.query(`select ${schema}.upkeep_1($1)`, [interval]);
  }
}
