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
  /** Whether its clients keep cookies, like browsers. */
  readonly cookies: boolean;
  /** The IP address of the URL's host, if DNS does not know it. */
  readonly address?: string;
}

export interface RunOptions {
  readonly groups: readonly ClientGroup[];
  /** The number of channels that clients and publishers are spread over. */
  readonly channels: number;
  readonly publishers: number;
  /** The total rate of all publishers, in messages per second. */
  readonly rate: number;
  /** The URL of the HTTP API, `http://HOST/api`. */
  readonly api: string;
  readonly apiKey: string;
  readonly jwtSecret: string;
  /** The error of the clock of the clients and of the signer of their tokens, in seconds. */
  readonly clockOffset: number;
}

export interface RunReport {
  /** When it began, in ms since the Unix epoch, by the correct clock. */
  readonly from: number;
  readonly verdict: Verdict;
  /** In ms. */
  readonly duration: number;
  /** The longest stall of this process, in ms: above 200 its figures are not valid. */
  readonly loopDelay: number;
  /** See {@link worstBurst}. */
  readonly burst: number;
  readonly publishers: {
    readonly answers: Readonly<Record<string, number>>;
    /** Failed first attempts, by response. */
    readonly failedFirst: Readonly<Record<string, number>>;
    readonly slowestAnswer: number;
  };
  readonly timeline: readonly Second[];
}

/** Makes keys unique, because the gateway remembers those of earlier runs. */
const RUN = Date.now().toString(36);

const OPEN_AT_ONCE = 50;
const SUBSCRIBED_WITHIN = 60_000;
/** How long the last messages may take to reach all clients, in ms; above the 30 s within which lost messages of a quiet channel are detected. */
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

  /** Pauses or continues the publishers. */
  rest(resting: boolean): void {
    for (const publisher of this.#publishers) publisher.resting = resting;
  }

  /** The number of acknowledged messages so far. */
  get acknowledged(): number {
    return this.#publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** Stops the publishers, waits until all clients have received everything, and judges the journals. */
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

  /** Writes all journals, one JSON line per journal. */
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
