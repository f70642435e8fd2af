import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Content } from './message.js';
import type { Replica } from './replica.js';

/** ms before a question, or a new numbering, is published again. */
const REPEAT = 1_000;
/** The part of the patience within which one of the pods answers: at random, so that mostly only one does. */
const ANSWER_WITHIN = 1 / 15;
/** ms between two looks. */
const LOOK = 20;

/** ms for which the other pods are given time to answer, by default: Pub/Sub may take a second to deliver a message. */
export const PATIENCE = 3_000;

export interface PlacingContext {
  readonly replica: Replica;
  readonly publish: (content: Content) => Promise<unknown>;
  /** ms without an answer after which no other pod is there. */
  readonly patience: number;
}

/** Finds out which offset comes next in a partition, and answers pods that ask for it. */
export class Placing {
  readonly #context: PlacingContext;
  readonly #answers = new Map<string, NodeJS.Timeout>();
  #attempt = 0;

  constructor(context: PlacingContext) {
    this.#context = context;
  }

  /** Forgets the place, and looks for it in what the subscription delivers from now on. */
  restart(): void {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const token = randomBytes(9).toString('base64url');
    this.#context.replica.forget(token);
    this.#look(token, () => this.#attempt === attempt).catch(() => undefined);
  }

  stop(): void {
    this.#attempt += 1;
    for (const timer of this.#answers.values()) clearTimeout(timer);
    this.#answers.clear();
  }

  /** Another pod asks. */
  answer(question: string, generation: string, next: number): void {
    const send = (): void => {
      this.#answers.delete(question);
      this.#context.publish({ kind: 'place', of: question, generation, next }).catch(() => undefined);
    };
    this.#answers.set(question, setTimeout(send, Math.random() * ANSWER_WITHIN * this.#context.patience));
  }

  /** Somebody has answered. */
  answered(question: string): void {
    clearTimeout(this.#answers.get(question));
    this.#answers.delete(question);
  }

  async #look(token: string, isCurrent: () => boolean): Promise<void> {
    const { replica, patience } = this.#context;
    await this.#repeat({ kind: 'hello', token }, () => isCurrent() && !replica.hasHeard);
    // Jitter: pods that start at the same time. Looks are counted, not time: an answer may have arrived while this process stalled.
    const looks = (patience / LOOK) * (1 + Math.random() / 2);
    for (let look = 0; look < looks && isCurrent() && !replica.isPlaced; look += 1) {
      await sleep(LOOK, undefined, { ref: false });
    }
    const generation = randomBytes(9).toString('base64url');
    await this.#repeat({ kind: 'begin', generation }, () => isCurrent() && !replica.isPlaced);
  }

  async #repeat(content: Content, isNeeded: () => boolean): Promise<void> {
    while (isNeeded()) {
      const again = performance.now() + REPEAT;
      await this.#context.publish(content).catch(() => undefined);
      while (isNeeded() && performance.now() < again) await sleep(LOOK, undefined, { ref: false });
    }
  }
}
