import type { PodState, Totals } from '../api/answers.js';

/** How many looks the lines show: about a minute. */
const KEPT = 60;

type Counted = 'framesIn' | 'published' | 'messagesOut';

/** What happened per second before a look. */
export interface Look extends Readonly<Record<Counted, number>> {
  readonly connections: number;
}

/** How fast the counters of a pod grow. */
export class Rates {
  #looks: Look[] = [];
  #before: PodState | undefined;

  /** The latest looks, the latest last. The first state has no rate yet. */
  get looks(): readonly Look[] {
    return this.#looks;
  }

  add(state: PodState): void {
    const before = this.#before;
    this.#before = state;
    // Another pod, or one that has restarted, counts from 0.
    if (before === undefined || before.node !== state.node || before.uptime > state.uptime) {
      this.#looks = [];
      return;
    }
    const seconds = (state.uptime - before.uptime) / 1_000;
    if (seconds === 0) return;
    const rate = (name: keyof Totals): number => (state.totals[name] - before.totals[name]) / seconds;
    this.#looks.push({
      framesIn: rate('framesIn'),
      published: rate('published'),
      messagesOut: rate('messagesOut'),
      connections: state.connections,
    });
    if (this.#looks.length > KEPT) this.#looks.shift();
  }
}
