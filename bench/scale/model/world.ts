import TinyQueue from 'tinyqueue';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Discrete events in virtual time, in ms. */
export class World {
  now = 0;
  #events = 0;
  readonly #queue = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order);

  after(delay: number, run: () => void): void {
    this.#events += 1;
    this.#queue.push({ at: this.now + delay, order: this.#events, run });
  }

  /** Runs all events, until a time at the latest. */
  run(until: number): void {
    for (let event = this.#queue.peek(); event !== undefined && event.at <= until; event = this.#queue.peek()) {
      this.#queue.pop();
      this.now = event.at;
      event.run();
    }
  }
}

/**
 * Runs a simulation in which the clock and the random numbers of the imported code are the simulation's: the same seed has the same
 * result.
 */
export function inVirtualTime<T>(seed: number, simulate: (world: World) => T): T {
  const world = new World();
  const { random } = Math;
  const { stackTraceLimit } = Error;
  Math.random = seeded(seed);
  Object.defineProperty(performance, 'now', { value: () => world.now, configurable: true });
  // Each refusal is an error, and there are millions.
  Error.stackTraceLimit = 0;
  try {
    return simulate(world);
  } finally {
    Math.random = random;
    Reflect.deleteProperty(performance, 'now');
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Mulberry32, as code that calls Math.random needs 32 good bits and nothing more. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
