import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerEvents, History, HistoryQuery, Position, StoredPublication, StreamOptions } from '../broker.js';
import { RecentPublications, type RecentBudget } from './recent-publications.js';
import type { Page, StreamReader } from './history-reader.js';

/** How many publications one read brings, and how many bytes of payloads. */
const PAGE = 1_000;
const PAGE_BYTES = 1_048_576;
/** Bytes that one read brings into this pod's memory of a channel: many channels are read after a pod has died. */
const FILL_BYTES = 262_144;
/** What is held back while a hole is filled, in number and UTF-16 code units; what is beyond is read from the stream. */
const MAX_HELD = 1_000;
const MAX_HELD_LENGTH = 4_194_304;
/** ms until a read that failed is tried again. */
const RETRY_PAUSE = 500;
/** Reads after which a hole that the server knows nothing about is given up: some seconds. */
const MAX_READS = 12;
/** ms for which a resume waits for what this pod is about to hear, before Redis is asked. */
const PATIENCE = 200;
/** Epochs that are remembered as over. */
const MAX_FORMER = 8;

interface Held {
  readonly epoch: string;
  readonly publication: StoredPublication;
  /** The read that was the last to begin before it came. */
  readonly read: number;
}

export interface ChannelStreamContext {
  readonly events: BrokerEvents;
  readonly reader: StreamReader;
  readonly budget: RecentBudget;
  readonly now: () => number;
}

/**
 * Hands out what comes on one channel in order, without a hole: what is missing is read from the stream first, and what
 * cannot be had is told as a gap.
 */
export class ChannelStream {
  /** Whether someone is to be told. */
  active = false;
  readonly #context: ChannelStreamContext;
  readonly #recent: RecentPublications;
  #position: Position | undefined;
  /** Epochs that were left: they do not come back, but a server that was demoted may still speak of them. */
  #former: readonly string[] = [];
  #held: Held[] = [];
  #heldLength = 0;
  /** Whether something was dropped that should have been held. */
  #overflowed = false;
  #repair: Promise<void> | undefined;
  #reads = 0;
  /** Ends repairs that were overtaken. */
  #generation = 0;
  #fill: Promise<void> | undefined;
  /** The last offset of this epoch that a publisher on this pod was answered. */
  #published = 0;
  #changed: PromiseWithResolvers<void> | undefined;

  constructor(
    readonly channel: string,
    public options: StreamOptions,
    context: ChannelStreamContext,
  ) {
    this.#context = context;
    this.#recent = new RecentPublications(context.budget);
  }

  /** What was handed out last; undefined until it has begun. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Goes on after this position, whatever was before. What came after it meanwhile follows at once. */
  begin(position: Position): void {
    this.#generation += 1;
    this.#repair = undefined;
    this.#move(position);
    this.active = true;
    this.#release();
  }

  /** A publication from the wire. */
  receive(epoch: string, publication: StoredPublication): void {
    const position = this.#position;
    if (this.#former.includes(epoch)) return;
    if (position === undefined || this.#repair !== undefined) {
      this.#hold(epoch, publication);
    } else if (epoch !== position.epoch || publication.offset > position.offset + 1) {
      this.#hold(epoch, publication);
      this.#startRepair();
    } else if (publication.offset > position.offset) {
      this.#deliver(epoch, publication);
    }
  }

  /** Whether it has not reached the server's position. */
  isBehind({ epoch, offset }: Position): boolean {
    const position = this.#position;
    if (position === undefined || this.#former.includes(epoch)) return false;
    return epoch !== position.epoch || offset > position.offset;
  }

  /** Takes the server's word on the present position. Resolves when what was missing is handed out, or told. */
  async reconcile(position: Position): Promise<void> {
    // What is being read now may be older than the server's word.
    if (this.#repair !== undefined) await this.#repair;
    if (this.isBehind(position)) this.#startRepair();
    await this.#repair;
  }

  /** A publisher on this pod was answered so. */
  published({ epoch, offset }: Position): void {
    if (epoch === this.#position?.epoch) this.#published = Math.max(this.#published, offset);
  }

  /**
   * A resume is answered from what is known here, as far as that reaches: whatever follows the answer's position is
   * handed out as well, or told as a gap.
   */
  async history(query: HistoryQuery): Promise<History> {
    const { reader } = this.#context;
    const { since, limit, maxBytes, reverse = false } = query;
    if (since === undefined || reverse) return (await reader.shared(this.channel, query)).history;
    const resume = { since, limit, maxBytes };
    const deadline = performance.now() + PATIENCE;
    while (this.#expects(since) && performance.now() < deadline) await this.#change();
    // What a publisher was answered and did not come by is lost on its way.
    if (this.#published > (this.#position?.offset ?? Infinity)) this.#startRepair();
    const known = this.#known(resume);
    if (known !== undefined) return known;
    if (this.#recent.canBeFilled && this.#position !== undefined && this.#repair === undefined) {
      this.#fill ??= this.#fillRecent(this.#position).finally(() => {
        this.#fill = undefined;
      });
      await this.#fill;
    }
    return this.#known(resume) ?? reader.resumed(this.channel, since, limit, maxBytes);
  }

  /** Nothing is handed out any more, until it begins again. */
  end(): void {
    this.active = false;
    this.#generation += 1;
    this.#repair = undefined;
    this.#position = undefined;
    this.#former = [];
    this.#held = [];
    this.#recent.reset({ epoch: '', offset: 0 });
    this.#changes();
  }

  /** Whether more is on its way here: read from the server, or told already to a publisher here or to a client elsewhere. */
  #expects({ epoch, offset }: Position): boolean {
    const position = this.#position;
    if (position === undefined) return false;
    if (this.#repair !== undefined || this.#published > position.offset) return true;
    return epoch === position.epoch && offset > position.offset;
  }

  /** Resolves when it has got further, or after a while. */
  async #change(): Promise<void> {
    if (this.#changed === undefined) {
      this.#changed = Promise.withResolvers();
      const { promise } = this.#changed;
      // A pod that was busy first takes what has come in meanwhile.
      const timer = setTimeout(() => setImmediate(() => this.#changes()), PATIENCE);
      promise.finally(() => clearTimeout(timer)).catch(() => undefined);
    }
    await this.#changed.promise;
  }

  #changes(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  #known(query: HistoryQuery & { readonly since: Position }): History | undefined {
    const position = this.#position;
    if (position === undefined || this.#repair !== undefined || this.#published > position.offset) return undefined;
    return this.#recent.after(query, position, this.options, this.#context.now());
  }

  /** Reads as much as may be kept here, so that all who come next are answered from it. */
  async #fillRecent(position: Position): Promise<void> {
    const since = { epoch: position.epoch, offset: this.#recent.oldest(position) };
    const query = { since, limit: PAGE, maxBytes: FILL_BYTES, reverse: true };
    const { history, isAll } = await this.#context.reader.read(this.channel, query);
    const { epoch, publications } = history;
    const present = this.#position;
    if (present === undefined || epoch !== present.epoch) return;
    this.#recent.prepend(publications.toReversed(), isAll, present);
  }

  #hold(epoch: string, publication: StoredPublication): void {
    if (this.#held.length >= MAX_HELD || this.#heldLength > MAX_HELD_LENGTH) {
      this.#held = [];
      this.#heldLength = 0;
      this.#overflowed = true;
    }
    this.#held.push({ epoch, publication, read: this.#reads });
    this.#heldLength += publication.payload.length;
  }

  /** Hands out what was held as if it came now. */
  #release(): void {
    const held = this.#held;
    const overflowed = this.#overflowed;
    this.#held = [];
    this.#heldLength = 0;
    this.#overflowed = false;
    if (overflowed) this.#startRepair();
    for (const { epoch, publication } of held) this.receive(epoch, publication);
  }

  #startRepair(): void {
    if (this.#repair !== undefined) return;
    const repair = this.#repairAll(this.#generation).finally(() => {
      if (this.#repair !== repair) return;
      this.#repair = undefined;
      this.#release();
      this.#changes();
    });
    this.#repair = repair;
  }

  async #repairAll(generation: number): Promise<void> {
    for (let fruitless = 0; generation === this.#generation;) {
      const position = this.#position;
      if (position === undefined) return;
      this.#overflowed = false;
      this.#heldLength = this.#held.reduce((sum, { publication }) => sum + publication.payload.length, 0);
      this.#reads += 1;
      const read = await this.#read(position);
      if (generation !== this.#generation) return;
      if (read === undefined) continue;
      if (this.#former.includes(read.history.epoch) && fruitless < MAX_READS) {
        fruitless += 1;
        await pause();
        continue;
      }
      const before = this.#position;
      this.#adopt(read);
      if (!this.#needsMore(read)) return;
      fruitless = this.#position === before ? fruitless + 1 : 0;
      if (fruitless >= MAX_READS) this.#giveUp();
      else if (fruitless > 0) await pause();
    }
  }

  async #read(since: Position): Promise<Page | undefined> {
    try {
      return await this.#context.reader.read(this.channel, { since, limit: PAGE, maxBytes: PAGE_BYTES });
    } catch {
      await pause();
      return undefined;
    }
  }

  /** Hands out what was read and what was held, in order, and tells what is missing and cannot come any more. */
  #adopt({ history: { epoch, offset, publications }, isAll }: Page): void {
    const covered = isAll ? offset : (publications.at(-1)?.offset ?? offset);
    const available = new Map(publications.map((publication) => [publication.offset, publication]));
    for (const held of this.#held) {
      if (held.epoch === epoch) available.set(held.publication.offset, held.publication);
    }
    this.#held = this.#held.filter((held) => held.epoch !== epoch && held.read >= this.#reads);
    const sorted = [...available.values()].toSorted((one, other) => one.offset - other.offset);
    if (epoch !== this.#position?.epoch) this.#tellGap({ epoch, offset: Math.max((sorted[0]?.offset ?? 1) - 1, 0) });
    for (const publication of sorted) {
      const last = this.#position?.offset ?? 0;
      if (publication.offset <= last) continue;
      if (publication.offset > last + 1) {
        if (publication.offset - 1 > covered) {
          this.#held.push({ epoch, publication, read: this.#reads });
          continue;
        }
        this.#tellGap({ epoch, offset: publication.offset - 1 });
      }
      this.#deliver(epoch, publication);
    }
    if ((this.#position?.offset ?? 0) < covered) this.#tellGap({ epoch, offset: covered });
  }

  #needsMore({ isAll }: Page): boolean {
    return !isAll || this.#held.length > 0 || this.#overflowed;
  }

  /** The server does not know what it sent: it is not the one that sent it. */
  #giveUp(): void {
    const [first] = this.#held.toSorted((one, other) => one.publication.offset - other.publication.offset);
    if (first === undefined) return;
    const { epoch, publication } = first;
    this.#tellGap({ epoch, offset: publication.offset - 1 });
    const held = this.#held.filter((other) => other.epoch === epoch);
    this.#held = [];
    for (const { publication: next } of held.toSorted((a, b) => a.publication.offset - b.publication.offset)) {
      if (next.offset === (this.#position?.offset ?? 0) + 1) this.#deliver(epoch, next);
    }
  }

  #deliver(epoch: string, publication: StoredPublication): void {
    const { events, now } = this.#context;
    this.#position = { epoch, offset: publication.offset };
    this.#recent.append(publication, this.options, now());
    this.#changes();
    if (this.active) events.onPublication(this.channel, publication);
  }

  #tellGap(position: Position): void {
    this.#move(position);
    if (this.active) this.#context.events.onGap(this.channel, position);
  }

  #move(position: Position): void {
    const last = this.#position?.epoch ?? position.epoch;
    this.#former = this.#former.filter((epoch) => epoch !== position.epoch);
    if (last !== position.epoch) this.#former = [...this.#former, last].slice(-MAX_FORMER);
    this.#position = position;
    this.#published = 0;
    this.#recent.reset(position);
    this.#changes();
  }
}

/** Jitter: after an outage many channels are repaired at the same time. */
async function pause(): Promise<void> {
  await sleep(RETRY_PAUSE * (0.5 + Math.random()), undefined, { ref: false });
}
