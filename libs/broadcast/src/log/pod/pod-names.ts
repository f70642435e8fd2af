import { randomBytes } from 'node:crypto';

/** The names of a pod: it takes another one when the others consider it dead. */
export class PodNames {
  readonly #all = new Set<string>();
  #present = this.#next();

  get present(): string {
    return this.#present;
  }

  /** Whether this is, or was, a name of the pod. */
  has(name: string): boolean {
    return this.#all.has(name);
  }

  /** Takes another name. @returns the former one. */
  change(): string {
    const former = this.#present;
    this.#present = this.#next();
    return former;
  }

  #next(): string {
    const name = randomBytes(9).toString('base64url');
    this.#all.add(name);
    return name;
  }
}
