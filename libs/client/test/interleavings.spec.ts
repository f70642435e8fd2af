import fc from 'fast-check';
import type { Message, Position } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import type { Subscription } from '../src/subscription.js';
import { World } from './world.js';

/** `INTERLEAVINGS=2000` tries more of them. */
const RUNS = Number(process.env['INTERLEAVINGS'] ?? 40);

/** What happens to a client, in any order. */
const stepArbitrary = fc.oneof(
  fc.record({ type: fc.constant('subscribe' as const), last: fc.option(fc.nat({ max: 3 }), { nil: undefined }) }),
  fc.record({ type: fc.constant('unsubscribe' as const), which: fc.nat({ max: 5 }) }),
  fc.record({ type: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('sleep' as const), ms: fc.constantFrom(500, 10_000, 150_000) }),
  fc.record({ type: fc.constant('offline' as const), ms: fc.constantFrom(50, 5_000, 40_000) }),
  fc.record({ type: fc.constant('cut' as const) }),
  fc.record({ type: fc.constant('drain' as const) }),
  fc.record({
    type: fc.constant('expire' as const),
    what: fc.constantFrom('subscription' as const, 'connection' as const),
  }),
  fc.record({ type: fc.constant('trim' as const) }),
  fc.record({ type: fc.constant('unsteady' as const), failures: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(1, 3, 40, 2_000, 30_000) }),
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** A component of the application: what it was handed over or reported, without a hole. */
class Component {
  subscription: Subscription | undefined;
  readonly problems: string[] = [];
  #at: number | undefined;

  message({ offset }: Message): void {
    if (this.#at !== undefined && offset !== this.#at + 1) this.problems.push(`${offset} after ${this.#at}`);
    this.#at = offset;
  }

  gap({ offset }: Position): void {
    if (this.#at !== undefined && offset < this.#at) this.problems.push(`a gap until ${offset} after ${this.#at}`);
    this.#at = offset;
  }
}

class Run {
  readonly world = new World();
  readonly components: Component[] = [];
  readonly outcomes: { data: number; outcome: string }[] = [];
  #published = 0;
  #failures = 0;
  readonly client;

  constructor() {
    this.world.gateway.scripts['publish'] = () => (this.#failures-- > 0 ? { refuse: 'unavailable' } : 'default');
    this.client = this.world.connect({ token: () => 'token' });
    this.client.on('error', () => {});
    this.client.on('state', () => {});
  }

  async step(step: Step): Promise<void> {
    const { world } = this;
    const peer = world.gateway.peers.at(-1);
    switch (step.type) {
      case 'subscribe': {
        const component = new Component();
        const last = step.last || undefined;
        component.subscription = this.client.subscribe(
          'room',
          { message: (message) => component.message(message), gap: (position) => component.gap(position) },
          { last, token: () => 'for the room' },
        );
        this.components.push(component);
        return;
      }
      case 'unsubscribe': {
        const [component] = this.components.splice(step.which, 1);
        void component?.subscription?.unsubscribe();
        return;
      }
      case 'publish':
        for (let n = 0; n < step.count; n += 1) {
          const data = (this.#published += 1);
          this.client.publish('room', data).then(
            () => this.outcomes.push({ data, outcome: 'stored' }),
            ({ code }: { code: string }) => this.outcomes.push({ data, outcome: code }),
          );
        }
        return;
      case 'sleep':
        return world.sleep(step.ms);
      case 'offline':
        world.cutSilently();
        world.isOffline = true;
        await world.pass(step.ms);
        world.isOffline = false;
        return;
      case 'cut':
        return peer?.socket.terminate();
      case 'drain':
        peer?.send('reconnect', { within: 3_000, reason: 'draining' });
        setTimeout(() => peer?.close('restart'), 3_000);
        return;
      case 'expire':
        if (step.what === 'connection') return peer?.close('unauthorized');
        if (peer?.subscribed.delete('room')) peer.send('unsubscribed', { channel: 'room', code: 'token_expired' });
        return;
      case 'trim':
        return world.gateway.trim('room');
      case 'unsteady':
        this.#failures = step.failures;
        return;
      case 'pass':
        return world.pass(step.ms);
    }
  }

  check(): void {
    const { messages, trimmed } = this.world.gateway.stream('room');
    const total = trimmed + messages.length;
    for (const { subscription, problems } of this.components) {
      expect(problems).toEqual([]);
      expect(subscription?.position?.offset, 'everything was handed over or reported').toBe(total);
    }
    expect(this.outcomes).toHaveLength(this.#published);
    expect(
      this.outcomes
        .map(({ outcome }) => outcome)
        .filter((code) => !['stored', 'unknown', 'unavailable'].includes(code)),
    ).toEqual([]);
  }
}

describe('any interleaving of sleep, outages, moves, expiries, subscribes and unsubscribes', () => {
  it(
    'hands over once, in order, or reports it; and stores each publish once, in order',
    { timeout: 60_000 + RUNS * 1_000 },
    async () => {
      const property = fc.asyncProperty(fc.array(stepArbitrary, { minLength: 5, maxLength: 30 }), async (steps) => {
        vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
        const run = new Run();
        const stored: number[] = [];
        const publish = run.world.gateway.publish.bind(run.world.gateway);
        run.world.gateway.publish = (channel, data, to, key) => {
          const before = run.world.gateway.stream(channel).messages.length;
          const offset = publish(channel, data, to, key);
          if (run.world.gateway.stream(channel).messages.length > before) stored.push(data as number);
          return offset;
        };
        try {
          for (const step of steps) {
            await run.step(step);
            await run.world.pass(2);
          }
          await run.world.pass(160_000);
          run.check();
          // In the order of the calls, and each at most once.
          expect(stored).toEqual([...new Set(stored)].toSorted((a, b) => a - b));
          for (const { data, outcome } of run.outcomes) {
            if (outcome !== 'unknown') expect(stored.includes(data)).toBe(outcome === 'stored');
          }
          expect(run.world.gateway.violations).toEqual([]);
        } finally {
          await run.world.end();
        }
      });
      await fc.assert(property, { numRuns: RUNS });
    },
  );
});
