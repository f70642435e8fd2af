import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerEvents, History, HistoryQuery, Position, StoredPublication, StreamOptions } from '../broker.js';
import type { HistoryPage, HistoryReader } from './history-reader.js';
import { RecentPublications, type RecentBudget } from './recent-publications.js';

/** Publications, and bytes of payloads, per read. */
const PAGE = 1_000;
const PAGE_BYTES = 1_048_576;
/** Bytes that one read brings into this pod's memory of a channel: after a pod has died, many channels are read. */
const FILL_BYTES = 262_144;
/** Publications, and UTF-16 code units, held back while a gap is repaired. Beyond that they are read from the server. */
const MAX_HELD = 1_000;
const MAX_HELD_LENGTH = 4_194_304;
/** ms before a failed read is retried. */
const RETRY_PAUSE = 500;
/** Reads before a gap that the server knows nothing about is given up: several seconds. */
const MAX_READS = 12;
/** ms for which a resume waits for messages that are about to arrive, before it asks the server. */
const PATIENCE = 200;
/** How many ended epochs are remembered. */
const MAX_ENDED_EPOCHS = 8;

interface Held {
  readonly epoch: string;
  readonly publication: StoredPublication;
  /** The last read that had begun when it arrived. */
  readonly read: number;
}

export interface FeedContext {
  readonly events: BrokerEvents;
  readonly reader: HistoryReader;
  readonly budget: RecentBudget;
  readonly now: () => number;
}

/**
 * Delivers the publications of one channel in order and without gaps: missing ones are read from the server first, and
 * those that cannot be recovered are reported as a gap.
 */
export class ChannelFeed {
  /** Whether events are reported. */
  active = false;
  readonly #context: FeedContext;
  readonly #recent: RecentPublications;
  #position: Position | undefined;
  /** Epochs that have ended. They do not return, but a demoted server may still send their messages. */
  #endedEpochs: readonly string[] = [];
  #held: Held[] = [];
  #heldLength = 0;
  /** Whether publications were dropped that should have been held. */
  #overflowed = false;
  #repair: Promise<void> | undefined;
  #reads = 0;
  /** Counts restarts: a repair of an earlier generation stops. */
  #generation = 0;
  #fill: Promise<void> | undefined;
  /** The last offset of this epoch that was returned to a publisher on this pod. */
  #published = 0;
  #changed: PromiseWithResolvers<void> | undefined;

  constructor(
    readonly channel: string,
    public options: StreamOptions,
    context: FeedContext,
  ) {
    this.#context = context;
    this.#recent = new RecentPublications(context.budget);
  }

  /** The last position delivered; undefined until the feed has begun. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Continues after this position, whatever came before. Publications that have already arrived follow at once. */
  begin(position: Position): void {
    this.#generation += 1;
    this.#repair = undefined;
    this.#move(position);
    this.active = true;
    this.#release();
  }

  /** A publication has arrived. */
  receive(epoch: string, publication: StoredPublication): void {
    const position = this.#position;
    if (this.#endedEpochs.includes(epoch)) return;
    if (position === undefined || this.#repair !== undefined) {
      this.#hold(epoch, publication);
    } else if (epoch !== position.epoch || publication.offset > position.offset + 1) {
      this.#hold(epoch, publication);
      this.#startRepair();
    } else if (publication.offset > position.offset) {
      this.#deliver(epoch, publication);
    }
  }

  /** Whether this feed has not reached the server's position. */
  isBehind({ epoch, offset }: Position): boolean {
    const position = this.#position;
    if (position === undefined || this.#endedEpochs.includes(epoch)) return false;
    return epoch !== position.epoch || offset > position.offset;
  }

  /** Catches up with the server's position. Resolves when what was missing is delivered, or reported as a gap. */
  async reconcile(position: Position): Promise<void> {
    // The read in progress may be older than this position.
    if (this.#repair !== undefined) await this.#repair;
    if (this.isBehind(position)) this.#startRepair();
    await this.#repair;
  }

  /** A publish on this pod has returned this position. */
  published({ epoch, offset }: Position): void {
    if (epoch === this.#position?.epoch) this.#published = Math.max(this.#published, offset);
  }

  /**
   * Answers a resume from memory as far as that reaches. What follows the position of the answer is delivered as well, or
   * reported as a gap.
   */
  async history(query: HistoryQuery): Promise<History> {
    const { reader } = this.#context;
    const { since, limit, maxBytes, reverse = false } = query;
    if (since === undefined || reverse) return (await reader.shared(this.channel, query)).history;
    const resume = { since, limit, maxBytes };
    const deadline = performance.now() + PATIENCE;
    while (this.#expects(since) && performance.now() < deadline) await this.#change();
    // What was stored but has not arrived is lost.
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

  /** Delivers nothing until it begins again. */
  end(): void {
    this.active = false;
    this.#generation += 1;
    this.#repair = undefined;
    this.#position = undefined;
    this.#endedEpochs = [];
    this.#held = [];
    this.#recent.reset({ epoch: '', offset: 0 });
    this.#notifyChange();
  }

  /** Whether more is about to arrive: it is being read, or a publisher here or a client elsewhere already knows of it. */
  #expects({ epoch, offset }: Position): boolean {
    const position = this.#position;
    if (position === undefined) return false;
    if (this.#repair !== undefined || this.#published > position.offset) return true;
    return epoch === position.epoch && offset > position.offset;
  }

  /** Resolves when the position has changed, or after a while. */
  async #change(): Promise<void> {
    if (this.#changed === undefined) {
      this.#changed = Promise.withResolvers();
      const { promise } = this.#changed;
      // A busy pod first processes what has arrived in the meantime.
      const timer = setTimeout(() => setImmediate(() => this.#notifyChange()), PATIENCE);
      promise.finally(() => clearTimeout(timer)).catch(() => undefined);
    }
    await this.#changed.promise;
  }

  #notifyChange(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  #known(query: HistoryQuery & { readonly since: Position }): History | undefined {
    const position = this.#position;
    if (position === undefined || this.#repair !== undefined || this.#published > position.offset) return undefined;
    return this.#recent.after(query, position, this.options, this.#context.now());
  }

  /** Reads as much as may be kept in memory, so that the next resumes are answered from it. */
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

  /** Processes the held publications as if they arrived now. */
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
      this.#notifyChange();
    });
    this.#repair = repair;
  }

  async #repairAll(generation: number): Promise<void> {
    for (let idleReads = 0; generation === this.#generation;) {
      const position = this.#position;
      if (position === undefined) return;
      this.#overflowed = false;
      this.#heldLength = this.#held.reduce((sum, { publication }) => sum + publication.payload.length, 0);
      this.#reads += 1;
      const read = await this.#read(position);
      if (generation !== this.#generation) return;
      if (read === undefined) continue;
      if (this.#endedEpochs.includes(read.history.epoch) && idleReads < MAX_READS) {
        idleReads += 1;
        await pause();
        continue;
      }
      const before = this.#position;
      this.#adopt(read);
      if (!this.#needsMore(read)) return;
      idleReads = this.#position === before ? idleReads + 1 : 0;
      if (idleReads >= MAX_READS) this.#giveUp();
      else if (idleReads > 0) await pause();
    }
  }

  async #read(since: Position): Promise<HistoryPage | undefined> {
    try {
      return await this.#context.reader.read(this.channel, { since, limit: PAGE, maxBytes: PAGE_BYTES });
    } catch {
      await pause();
      return undefined;
    }
  }

  /** Delivers in order what was read and what was held, and reports as a gap what cannot arrive any more. */
  #adopt({ history: { epoch, offset, publications }, isAll }: HistoryPage): void {
    const covered = isAll ? offset : (publications.at(-1)?.offset ?? offset);
    const available = new Map(publications.map((publication) => [publication.offset, publication]));
    for (const held of this.#held) {
      if (held.epoch === epoch) available.set(held.publication.offset, held.publication);
    }
    this.#held = this.#held.filter((held) => held.epoch !== epoch && held.read >= this.#reads);
    const sorted = [...available.values()].toSorted((one, other) => one.offset - other.offset);
    if (epoch !== this.#position?.epoch) this.#reportGap({ epoch, offset: Math.max((sorted[0]?.offset ?? 1) - 1, 0) });
    for (const publication of sorted) {
      const last = this.#position?.offset ?? 0;
      if (publication.offset <= last) continue;
      if (publication.offset > last + 1) {
        if (publication.offset - 1 > covered) {
          this.#held.push({ epoch, publication, read: this.#reads });
          continue;
        }
        this.#reportGap({ epoch, offset: publication.offset - 1 });
      }
      this.#deliver(epoch, publication);
    }
    if ((this.#position?.offset ?? 0) < covered) this.#reportGap({ epoch, offset: covered });
  }

  #needsMore({ isAll }: HistoryPage): boolean {
    return !isAll || this.#held.length > 0 || this.#overflowed;
  }

  /** The server does not know what was sent: another server sent it. */
  #giveUp(): void {
    const [first] = this.#held.toSorted((one, other) => one.publication.offset - other.publication.offset);
    if (first === undefined) return;
    const { epoch, publication } = first;
    this.#reportGap({ epoch, offset: publication.offset - 1 });
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
    this.#notifyChange();
    if (this.active) events.onPublication(this.channel, publication);
  }

  #reportGap(position: Position): void {
    this.#move(position);
    if (this.active) this.#context.events.onGap(this.channel, position);
  }

  #move(position: Position): void {
    const last = this.#position?.epoch ?? position.epoch;
    this.#endedEpochs = this.#endedEpochs.filter((epoch) => epoch !== position.epoch);
    if (last !== position.epoch) this.#endedEpochs = [...this.#endedEpochs, last].slice(-MAX_ENDED_EPOCHS);
    this.#position = position;
    this.#published = 0;
    this.#recent.reset(position);
    this.#notifyChange();
  }
}

/** With jitter: after an outage many channels are repaired at the same time. */
async function pause(): Promise<void> {
  await sleep(RETRY_PAUSE * (0.5 + Math.random()), undefined, { ref: false });
}
