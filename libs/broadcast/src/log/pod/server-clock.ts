import { steadyNow } from '../../steady-clock.js';

/** ms for which an observation counts. */
const AGE = 60_000;

/**
 * Log time between entries. It is never ahead of the time that the next entry will have, as long as the server's clock is steady:
 * an entry that is read now was stored then or later, never earlier, so each one is a lower bound.
 */
export class ServerClock {
  #lead = -Infinity;
  #nextLead = -Infinity;
  #began = 0;

  /** An entry with this log time was read. */
  saw(time: number): void {
    const now = steadyNow();
    const lead = time - now;
    if (now - this.#began > AGE) {
      this.#lead = this.#nextLead;
      this.#nextLead = -Infinity;
      this.#began = now;
    }
    if (lead > this.#lead) this.#lead = lead;
    if (lead > this.#nextLead) this.#nextLead = lead;
  }

  now(): number {
    return steadyNow() + (this.#lead === -Infinity ? 0 : this.#lead);
  }
}
