import { setTimeout as sleep } from 'node:timers/promises';
import { Holdfast, type Position } from '@holdfast/client';
import { signToken } from '../support/tokens.js';

const TEAMS = ['team:red', 'team:green', 'team:blue', 'team:white', 'team:black', 'team:grey'] as const;
/** Per team. */
const MEMBERS = 10;
/** ms between two messages of a publisher: one per team publishes. */
const PACE = 100;
/** ms between two new clients. */
const NEWCOMER_EVERY = 1_000;

interface Received extends Position {
  readonly text: unknown;
}

interface Sent {
  readonly text: string;
  /** When it was acknowledged, by `performance.now()`. */
  readonly at: number;
  /** ms from the call to the reply, including retries. */
  readonly took: number;
}

class Member {
  readonly received: Received[] = [];
  readonly problems: string[] = [];
  readonly sent: Sent[] = [];
  readonly client: Holdfast;

  constructor(
    url: string,
    token: string,
    readonly team: string,
    private readonly name: string,
  ) {
    this.client = new Holdfast(url, { token, backoff: { base: 200, max: 2_000 } });
    this.client.on('state', ({ state }) => {
      if (state === 'closed') this.problems.push(`${name}: closed`);
    });
  }

  async join(): Promise<void> {
    const { ready } = this.client.subscribe(this.team, {
      message: ({ offset, data }) => this.received.push({ epoch: '', offset, text: data }),
      gap: () => this.problems.push(`${this.name}: a gap`),
    });
    await ready;
    // Joins and leaves of the attackers are part of the load.
    await this.client.subscribe('room:lobby', { message: ignore, gap: ignore }, { presence: true }).ready;
  }

  async publishUntil(over: AbortSignal): Promise<void> {
    for (let count = 1; !over.aborted; count += 1) {
      const text = `${this.name} ${count}`;
      const begun = performance.now();
      try {
        await this.client.publish(this.team, text);
        const at = performance.now();
        this.sent.push({ text, at, took: at - begun });
      } catch (error) {
        this.problems.push(`${text}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await sleep(Math.max(0, PACE - (performance.now() - begun)));
    }
  }
}

export interface Verdict {
  readonly published: number;
  readonly delivered: number;
  readonly newcomers: number;
  /** Descriptions of everything that a well-behaved client must never experience. */
  readonly problems: readonly string[];
}

/** The well-behaved clients: members of teams that send messages to each other, and new clients that publish one message each. */
export class Crowd {
  readonly #url: string;
  readonly #members: readonly Member[];
  readonly #over = new AbortController();
  readonly #problems: string[] = [];
  #newcomers = 0;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(url: string, members: readonly Member[]) {
    this.#url = url;
    this.#members = members;
  }

  /** Resolves when all members are subscribed, and starts the publishers. */
  static async start(url: string): Promise<Crowd> {
    const members: Member[] = [];
    for (const team of TEAMS) {
      for (let index = 0; index < MEMBERS; index += 1) {
        const name = `${team}.${index}`;
        members.push(new Member(url, await tokenOf(name), team, name));
      }
    }
    for (let start = 0; start < members.length; start += 10) {
      await Promise.all(members.slice(start, start + 10).map((member) => member.join()));
    }
    const crowd = new Crowd(url, members);
    crowd.#run();
    return crowd;
  }

  /** The duration of each publish that was acknowledged between `begin` and `end` (by `performance.now()`): in ms, sorted. */
  latencies(begin: number, end: number): number[] {
    const sent = this.#members.flatMap((member) => member.sent.filter(({ at }) => at >= begin && at < end));
    return sent.map(({ took }) => took).toSorted((one, other) => one - other);
  }

  /** Stops the publishers, waits for what is in progress, and returns the results. */
  async stop(timeoutMs: number): Promise<Verdict> {
    this.#over.abort();
    await this.#running;
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline && this.#members.some((member) => this.#missing(member).length > 0)) {
      await sleep(100);
    }
    const problems = [...this.#problems, ...this.#members.flatMap((member) => member.problems)];
    for (const member of this.#members) problems.push(...this.#missing(member), ...disorder(member));
    await Promise.all(this.#members.map(({ client }) => client.close()));
    return {
      published: this.#members.reduce((sum, { sent }) => sum + sent.length, 0),
      delivered: this.#members.reduce((sum, { received }) => sum + received.length, 0),
      newcomers: this.#newcomers,
      problems,
    };
  }

  #run(): void {
    const publishers = this.#members.filter((_, index) => index % MEMBERS === 0);
    const { signal } = this.#over;
    this.#running = Promise.all([...publishers.map((member) => member.publishUntil(signal)), this.#welcomeNewcomers()]);
  }

  async #welcomeNewcomers(): Promise<void> {
    while (!this.#over.signal.aborted) {
      this.#newcomers += 1;
      const name = `newcomer-${this.#newcomers}`;
      const client = new Holdfast(this.#url, { token: await tokenOf(name), backoff: { base: 200, max: 2_000 } });
      try {
        await Promise.race([
          client.publish('hall:door', name),
          sleep(15_000, undefined, { ref: false }).then(() => {
            throw new Error('no reply within 15 s');
          }),
        ]);
      } catch (error) {
        this.#problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await client.close();
      await sleep(NEWCOMER_EVERY, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }

  #missing({ team, received }: Member): string[] {
    const texts = new Set(received.map(({ text }) => text));
    const expected = this.#members.filter((other) => other.team === team).flatMap(({ sent }) => sent);
    const missing = expected.filter(({ text }) => !texts.has(text));
    return missing.length === 0 ? [] : [`${missing.length} of ${expected.length} messages of ${team} did not arrive`];
  }
}

function disorder({ team, received }: Member): string[] {
  const wrong = received.findIndex(
    ({ offset }, index) => index > 0 && offset !== (received[index - 1]?.offset ?? 0) + 1,
  );
  return wrong === -1 ? [] : [`${team}: message ${wrong} does not follow the one before it`];
}

function ignore(): void {}

function tokenOf(user: string): Promise<string> {
  return signToken({ sub: user, channels: ['team:*'], publish: ['team:*', 'hall:*'] });
}
