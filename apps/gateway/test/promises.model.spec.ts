import { MemoryBroker, MemoryStore, type Broker, type History, type Position } from '@holdfast/broadcast';
import type { RequestEvent, Requests } from '@holdfast/protocol';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { Sessions, type Session } from '../src/auth/session.js';
import { Pod, settled, type PodClient } from './support/pod.js';
import { SimulatedBroker, SimulatedServer, type Queue } from './support/simulated-server.js';
import type { Frame } from './support/test-client.js';

const RUNS = 250;
const PODS = 2;
const CLIENTS = 3;
const HISTORY_SIZE = 12;
const MAX_REPLAY = 8;
const TTL_S = 10;

type Start = 'fresh' | 'last' | 'resume';

/** One step of a sequence. Clients and pods are numbers; a step that is impossible at its time is skipped. */
type Step =
  | { readonly do: 'publish'; readonly pod: number; readonly times: number }
  | { readonly do: 'connect' | 'subscribe'; readonly client: number; readonly pod: number; readonly start: Start }
  | { readonly do: 'unsubscribe' | 'disconnect' | 'stop reading' | 'resume reading'; readonly client: number }
  | { readonly do: 'let happen'; readonly pod: number; readonly queue: Queue; readonly times: number }
  | { readonly do: 'lose' | 'notice' | 'let all happen'; readonly pod: number }
  | { readonly do: 'trim' | 'fail over' }
  | { readonly do: 'pass'; readonly seconds: number };

const pod = fc.nat(PODS - 1);
const client = fc.nat(CLIENTS - 1);
const times = fc.integer({ min: 1, max: 4 });

const COMMON: fc.WeightedArbitrary<Step>[] = [
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), pod, times }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('connect' as const, 'subscribe' as const),
      client,
      pod,
      start: fc.constantFrom<Start>('fresh', 'last', 'resume', 'resume'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('unsubscribe', 'disconnect', 'stop reading', 'resume reading'),
      client,
    }),
  },
];

const LATENCY: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('let happen' as const),
      pod,
      queue: fc.constantFrom<Queue>('commands', 'answers', 'events'),
      times,
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('let all happen' as const), pod }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'notice' as const), pod }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('trim' as const, 'fail over' as const) }) },
];

const TIME: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, TTL_S, 3 * TTL_S) }),
  },
];

function sequences(...kinds: fc.WeightedArbitrary<Step>[][]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...kinds.flat()), { minLength: 1, maxLength: 120, size: 'max' });
}

/** The broker behind the pods, and what only the test can do to it. */
interface World {
  /** The whole stream as currently stored. */
  stream(channel: string): Promise<Pick<History, 'epoch' | 'offset' | 'publications'>>;
  /** Does a step that only this world supports. */
  step(channel: string, step: Step): void;
  /** Lets everything in progress complete, and every loss be detected. */
  settle(channel: string): Promise<void>;
}

/** The published data by position, according to the replies to the publishers. */
class Ledger {
  private readonly published = new Map<string, string>();
  private count = 0;

  /** Unique data, large enough to matter for the budgets. */
  nextData(): string {
    this.count += 1;
    return `message ${this.count}`.padEnd(200);
  }

  add({ epoch, offset }: Position, data: string): void {
    const place = `${epoch} ${offset}`;
    expect(this.published.has(place), `${place} was given twice`).toBe(false);
    this.published.set(place, data);
  }

  at({ epoch, offset }: Position): string | undefined {
    return this.published.get(`${epoch} ${offset}`);
  }
}

/** A client that follows the protocol's documentation, and checks it with each frame. */
class ModelClient {
  /** The position up to which it knows everything; kept when the connection ends. */
  position: Position | undefined;
  /** Whether it received the reply to its subscribe. */
  subscribed = false;
  private readonly requests = new Map<number, { event: RequestEvent; data: Requests['subscribe']['data'] }>();
  /** The ended epochs of this subscription. */
  private readonly past = new Set<string>();
  private read = 0;
  link: PodClient | undefined;
  private readonly session: Session = new Sessions().create();

  constructor(
    private readonly channel: string,
    private readonly ledger: Ledger,
    private readonly world: World,
  ) {}

  connect(to: Pod): void {
    this.link = to.connect({ session: this.session });
    this.read = 0;
    this.requests.clear();
  }

  disconnect(): void {
    this.link?.disconnect();
    this.link = undefined;
    this.subscribed = false;
  }

  /** Whether a request is unanswered. */
  get isWaiting(): boolean {
    return this.requests.size > 0;
  }

  subscribe(start: Start): void {
    const since = start === 'resume' ? this.position : undefined;
    const data = {
      channel: this.channel,
      ...(since === undefined ? {} : { since }),
      ...(start === 'last' ? { last: 3 } : {}),
    };
    this.send('subscribe', data);
  }

  send(event: 'subscribe' | 'unsubscribe', data: Requests['subscribe']['data'] = { channel: this.channel }): void {
    const id = this.link?.send(event, data);
    if (id !== undefined) this.requests.set(id, { event, data });
  }

  /** Processes the frames received since the last call. */
  async catchUp(): Promise<void> {
    const { link } = this;
    if (link === undefined) return;
    for (; this.read < link.frames.length; this.read += 1) {
      const frame = link.frames[this.read];
      if (frame !== undefined) await this.take(frame);
    }
    // Too slow: the close code means "resume".
    if (link.webSocket.closedWith === 1013) this.disconnect();
    else expect(link.webSocket.closedWith).toBeUndefined();
  }

  private async take({ event, id, data }: Frame): Promise<void> {
    const request = this.requests.get(Number(id));
    this.requests.delete(Number(id));
    switch (event) {
      case 'reply':
        if (request?.event === 'subscribe')
          await this.subscribedAt(data as unknown as Requests['subscribe']['reply'], request.data);
        else this.subscribed = false;
        break;
      case 'error':
        // The pod and the broker were in different epochs: the client is asked to retry.
        expect([request?.event, data['code']]).toEqual(['subscribe', 'unavailable']);
        break;
      case 'gap':
        this.move(data as unknown as Position);
        break;
      default:
        expect(event).toBe('message');
        this.receive(data['offset'] as number, data['data'] as string);
    }
  }

  private async subscribedAt(
    reply: Requests['subscribe']['reply'],
    { since, last }: Requests['subscribe']['data'],
  ): Promise<void> {
    const { epoch, offset, recovered, replay = 0 } = reply;
    expect(recovered !== undefined).toBe(since !== undefined);
    if (since !== undefined && recovered === true) {
      expect({ epoch, offset: offset - replay }).toEqual(since);
    } else {
      if (last === undefined) expect(replay).toBe(0);
      this.move({ epoch, offset: offset - replay });
    }
    this.subscribed = true;
    if (since === undefined || recovered === true) return;
    // Promise 3. Histories are only trimmed at their beginning: what they contain now they contained then.
    const { publications, ...now } = await this.world.stream(this.channel);
    const missed = publications.filter((publication) => publication.offset > since.offset).length;
    const reachesBack = since.epoch === now.epoch && since.offset <= now.offset && missed === now.offset - since.offset;
    expect(reachesBack && missed <= MAX_REPLAY, 'the reply says recovered: false, but the history was complete').toBe(
      false,
    );
  }

  /** The client now knows everything up to this position. */
  private move({ epoch, offset }: Position): void {
    const { position } = this;
    if (!this.subscribed) {
      this.past.clear();
    } else if (position !== undefined) {
      if (epoch === position.epoch) expect(offset, 'promise 1').toBeGreaterThanOrEqual(position.offset);
      else this.past.add(position.epoch);
      expect(this.past.has(epoch), 'promise 1: an epoch comes back').toBe(false);
    }
    this.position = { epoch, offset };
  }

  private receive(offset: number, data: string): void {
    expect(this.subscribed, 'a message without a subscription').toBe(true);
    if (this.position === undefined) throw new Error('subscribed without a position');
    // Promises 1 and 2 together: nothing twice, out of order or skipped.
    expect(offset, `promise 1 and 2: what follows ${this.position.offset}`).toBe(this.position.offset + 1);
    this.position = { epoch: this.position.epoch, offset };
    expect(data, `what was published at ${this.position.epoch} ${offset}`).toBe(this.ledger.at(this.position));
  }
}

let runs = 0;

async function play(world: World, pods: readonly Pod[], sequence: readonly Step[]): Promise<void> {
  runs += 1;
  const channel = `news:${runs}`;
  const ledger = new Ledger();
  const clients = Array.from({ length: CLIENTS }, () => new ModelClient(channel, ledger, world));

  for (const step of sequence) {
    await act(step);
    await settled();
    for (const one of clients) await one.catchUp();
  }

  // At the end every client has received everything.
  for (const one of clients) one.link?.socket.resumeWrites();
  for (let round = 0; round < 20 || clients.some((one) => one.isWaiting && one.link !== undefined); round += 1) {
    await world.settle(channel);
    await settled();
    for (const one of clients) await one.catchUp();
    expect(round, 'the sequence does not end').toBeLessThan(200);
  }
  const { epoch, offset } = await world.stream(channel);
  for (const one of clients) {
    if (one.subscribed) expect(one.position, 'promise 2: at rest').toEqual({ epoch, offset });
    one.disconnect();
  }
  for (const one of pods) {
    expect(await one.metric('holdfast_subscriptions')).toBe(0);
    expect(await one.metric('holdfast_channels')).toBe(0);
  }
  await world.settle(channel);

  async function act(step: Step): Promise<void> {
    const by = 'client' in step ? clients[step.client] : undefined;
    const at = 'pod' in step ? pods[step.pod] : undefined;
    switch (step.do) {
      case 'publish':
        for (let n = 0; n < step.times; n += 1) {
          const data = ledger.nextData();
          const position = at?.channels.publish({ channel, data, publisher: 'test' });
          if (position !== undefined) ledger.add(await position, data);
        }
        break;
      case 'connect':
        by?.disconnect();
        if (at !== undefined) by?.connect(at);
        by?.subscribe(step.start);
        break;
      case 'subscribe':
        if (by?.link !== undefined && !by.isWaiting && !by.subscribed) by.subscribe(step.start);
        break;
      case 'unsubscribe':
        if (by?.subscribed === true && !by.isWaiting) by.send('unsubscribe');
        break;
      case 'disconnect':
        by?.disconnect();
        break;
      case 'stop reading':
        by?.link?.socket.pauseWrites();
        break;
      case 'resume reading':
        by?.link?.socket.resumeWrites();
        break;
      default:
        world.step(channel, step);
    }
  }
}

const FILE = {
  // Small, so that replays are paced, and slow clients are sometimes too slow.
  connection: { maxPayload: 1_024, maxBuffered: 2_048 },
  replay: { maxMessages: MAX_REPLAY },
  namespaceDefaults: {
    history: { size: HISTORY_SIZE, ttl: TTL_S },
    positionTtl: 2 * TTL_S,
    presence: false,
  },
};

async function startPods(brokers: readonly Broker[]): Promise<Pod[]> {
  return Promise.all(brokers.map((broker) => Pod.start({ broker, file: FILE })));
}

afterEach(() => {
  vi.useRealTimers();
});

it(
  'promises 1, 2 and 3 hold for random sequences of steps on a broker with latency, losses and failovers',
  { timeout: 120_000 },
  async () => {
    const server = new SimulatedServer(HISTORY_SIZE);
    const brokers = Array.from({ length: PODS }, () => new SimulatedBroker(server));
    const world: World = {
      stream: async (channel) => {
        const { epoch, offset, log } = server.stream(channel);
        return { epoch, offset, publications: log };
      },
      step(channel, step) {
        if (step.do === 'let happen') for (let n = 0; n < step.times; n += 1) brokers[step.pod]?.step(step.queue);
        else if (step.do === 'let all happen') brokers[step.pod]?.catchUp();
        else if (step.do === 'lose') brokers[step.pod]?.lose(channel);
        else if (step.do === 'notice') brokers[step.pod]?.notice(channel);
        else if (step.do === 'trim') server.trim(channel, 1);
        else if (step.do === 'fail over') server.failOver(channel);
      },
      async settle(channel) {
        for (const broker of brokers) {
          broker.notice(channel);
          broker.catchUp();
        }
        await settled();
      },
    };
    const pods = await startPods(brokers);
    const played = fc.asyncProperty(sequences(COMMON, LATENCY), (sequence) => play(world, pods, sequence));
    const result = await fc.check(played, { numRuns: RUNS });
    expect(result.failed, fc.defaultReportMessage(result)).toBe(false);
  },
);

it(
  'promises 1, 2 and 3 hold for random sequences of steps on the memory broker, while histories and positions expire',
  { timeout: 120_000 },
  async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = new MemoryStore({ clock: () => Date.now() });
    const here = new MemoryBroker(store);
    const brokers = [here, new MemoryBroker(store)];
    const world: World = {
      stream: async (channel) => {
        const { epoch, offset, publications } = await here.history(channel, { limit: 1_000 });
        return { epoch, offset, publications };
      },
      step(_channel, step) {
        if (step.do === 'pass') vi.setSystemTime(Date.now() + step.seconds * 1_000);
      },
      settle: settled,
    };
    const pods = await startPods(brokers);
    const played = fc.asyncProperty(sequences(COMMON, TIME), (sequence) => play(world, pods, sequence));
    const result = await fc.check(played, { numRuns: RUNS });
    expect(result.failed, fc.defaultReportMessage(result)).toBe(false);
  },
);
