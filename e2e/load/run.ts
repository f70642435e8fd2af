import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { shiftClock } from './clock.js';
import { emptyJournal, type Acknowledged, type ClientKind, type Journal } from './journal.js';
import { LibraryClient, type LoadClient } from './library-client.js';
import { PlainClient } from './plain-client.js';
import { Publisher } from './publisher.js';
import { timelineOf, type Second } from './timeline.js';
import { endsOf, hasReached, isLive, judge, worstBurst, type Drain, type Verdict } from './verdict.js';

export interface ClientGroup {
  readonly kind: ClientKind;
  readonly count: number;
  /** `ws://HOST/ws` */
  readonly url: string;
  /** Whether its clients keep cookies, as browsers do. */
  readonly cookies: boolean;
  /** The IP address that the URL's host is at, where no name server knows it. */
  readonly address?: string;
}

export interface RunOptions {
  readonly groups: readonly ClientGroup[];
  /** How many channels the clients and publishers are spread over. */
  readonly channels: number;
  readonly publishers: number;
  /** Messages a second of all publishers together. */
  readonly rate: number;
  /** Of the HTTP API, `http://HOST/api`. */
  readonly api: string;
  readonly apiKey: string;
  readonly jwtSecret: string;
  /** By how many seconds the clock of the clients, and of whoever signs their tokens, is off. */
  readonly clockOffset: number;
}

export interface RunReport {
  /** When it began, in ms since the Unix epoch, by the true clock. */
  readonly from: number;
  readonly verdict: Verdict;
  /** In ms. */
  readonly duration: number;
  /** The longest time that this process could not do anything in, in ms: above 200 its figures mean nothing. */
  readonly loopDelay: number;
  /** See {@link worstBurst}. */
  readonly burst: number;
  readonly publishers: {
    readonly answers: Readonly<Record<string, number>>;
    /** First attempts that failed, by their answer. */
    readonly failedFirst: Readonly<Record<string, number>>;
    readonly slowestAnswer: number;
  };
  readonly timeline: readonly Second[];
}

/** Keys of an earlier run are remembered: each has its own. */
const RUN = Date.now().toString(36);

const OPEN_AT_ONCE = 50;
const SUBSCRIBED_WITHIN = 60_000;
/** How long the last messages may take to everybody, in ms; above the 30 s within which a quiet channel is repaired. */
const SETTLED_WITHIN = 45_000;

/** One run: clients and publishers in this process. */
export class Run {
  readonly #options: RunOptions;
  readonly #journals: Journal[] = [];
  readonly #clients: LoadClient[] = [];
  readonly #publishers: Publisher[];
  readonly #loop = monitorEventLoopDelay({ resolution: 10 });
  #from = 0;

  constructor(options: RunOptions) {
    if (options.clockOffset !== 0) shiftClock(options.clockOffset);
    this.#options = options;
    const { api, apiKey, publishers, rate } = options;
    const channels = Array.from({ length: options.channels }, (_, index) => channelName(index));
    const pause = (1_000 * publishers) / rate;
    this.#publishers = Array.from(
      { length: publishers },
      (_, index) => new Publisher(`${RUN}p${index + 1}`, { api, apiKey, channels, pause }),
    );
  }

  /** Resolves when every client is subscribed. */
  async open(): Promise<void> {
    for (const { kind, count, url, cookies, address } of this.#options.groups) {
      for (let opened = 0; opened < count; opened += OPEN_AT_ONCE) {
        const batch = Array.from({ length: Math.min(OPEN_AT_ONCE, count - opened) }, () => {
          const id = this.#journals.length;
          const journal = emptyJournal(id, kind, channelName(id % this.#options.channels));
          this.#journals.push(journal);
          const token = (): Promise<string> => this.#token(`user-${id}`);
          const client = new (kind === 'library' ? LibraryClient : PlainClient)(journal, {
            url,
            cookies,
            address,
            token,
          });
          this.#clients.push(client);
          return client;
        });
        await within(SUBSCRIBED_WITHIN, 'clients did not get subscribed', Promise.all(batch.map((c) => c.subscribe())));
      }
    }
  }

  begin(): void {
    this.#from = Date.now();
    this.#loop.enable();
    for (const publisher of this.#publishers) publisher.start();
  }

  /** Has the publishers rest, or go on. */
  rest(resting: boolean): void {
    for (const publisher of this.#publishers) publisher.resting = resting;
  }

  /** How many messages were acknowledged by now. */
  get acknowledged(): number {
    return this.#publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** Stops the publishers, waits until everybody has everything, and judges. */
  async end(drainsByTrueClock: readonly Drain[]): Promise<RunReport> {
    const ahead = this.#options.clockOffset * 1_000;
    const drains = drainsByTrueClock.map(({ node, from, to }) => ({ node, from: from + ahead, to: to + ahead }));
    await Promise.all(this.#publishers.map((publisher) => publisher.stop()));
    const acknowledged = this.#publishers.flatMap((publisher) => publisher.acknowledged);
    await this.#settled(acknowledged);
    const to = Date.now();
    this.#loop.disable();
    const from = this.#from;
    const upgrades = this.#journals.flatMap(({ sockets }) =>
      sockets.filter(({ startedAt }) => startedAt > from).map(({ startedAt }) => startedAt),
    );
    return {
      from: from - ahead,
      verdict: judge(this.#journals, acknowledged, { from, to }),
      duration: to - from,
      loopDelay: this.#loop.max / 1e6,
      burst: worstBurst(upgrades, drains, (node) => this.#clientsAt(node, drains)),
      publishers: {
        answers: sumOf(this.#publishers.map(({ answers }) => answers)),
        failedFirst: sumOf(this.#publishers.map(({ failedFirst }) => failedFirst)),
        slowestAnswer: Math.max(...this.#publishers.map(({ slowestAnswer }) => slowestAnswer)),
      },
      timeline: timelineOf(this.#journals, from, to),
    };
  }

  /** Writes all journals, one JSON line each. */
  async dump(path: string): Promise<void> {
    const file = createWriteStream(path);
    for (const journal of this.#journals) file.write(`${JSON.stringify({ ...journal, seen: [...journal.seen] })}\n`);
    file.end();
    await once(file, 'close');
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #settled(acknowledged: readonly Acknowledged[]): Promise<void> {
    const ends = endsOf(acknowledged);
    const isSettled = (journal: Journal): boolean =>
      journal.sockets.some(isLive) && hasReached(journal, ends.get(journal.channel));
    const deadline = Date.now() + SETTLED_WITHIN;
    while (Date.now() < deadline && !this.#journals.every(isSettled)) await sleep(100);
  }

  #clientsAt(node: string, drains: readonly Drain[]): number {
    const at = drains.find((drain) => drain.node === node)?.from ?? 0;
    const lives = this.#journals.flatMap(({ sockets }) => sockets);
    return lives.filter(
      (life) =>
        life.node === node &&
        life.subscribedAt !== undefined &&
        life.subscribedAt <= at &&
        (life.closedAt === undefined || life.closedAt > at),
    ).length;
  }

  #token(user: string): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ sub: user, channels: ['load:*'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + 3_600)
      .sign(new TextEncoder().encode(this.#options.jwtSecret));
  }
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function channelName(index: number): string {
  return `load:${index}`;
}

async function within<T>(ms: number, problem: string, work: Promise<T>): Promise<T> {
  const timeout = new AbortController();
  try {
    return await Promise.race([
      work,
      sleep(ms, undefined, { signal: timeout.signal }).then(() => {
        throw new Error(`${problem} within ${ms / 1_000} s`);
      }),
    ]);
  } finally {
    timeout.abort();
  }
}
