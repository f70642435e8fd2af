import { podTag, type Names, type PodIndexKind } from './names.js';
import type { Router } from './router.js';

const KINDS: readonly PodIndexKind[] = ['channels', 'rooms', 'users'];
const CHUNK = 500;

/**
 * Which channels, rooms and users a pod has, kept on the server: for the list of channels, and for those who sweep up
 * after the pod. A failure is made good by the next {@link settle}.
 */
export class PodIndex {
  readonly #router: Router;
  readonly #names: Names;
  readonly #pod: string;
  readonly #held: Readonly<Record<PodIndexKind, Set<string>>> = {
    channels: new Set(),
    rooms: new Set(),
    users: new Set(),
  };
  #isSettled = true;

  constructor(router: Router, names: Names, pod: string) {
    this.#router = router;
    this.#names = names;
    this.#pod = pod;
  }

  async add(kind: PodIndexKind, name: string): Promise<void> {
    if (this.#held[kind].has(name)) return;
    this.#held[kind].add(name);
    await this.#attempt('zadd', this.#key(kind), 0, name);
  }

  async remove(kind: PodIndexKind, name: string): Promise<void> {
    if (!this.#held[kind].delete(name)) return;
    await this.#attempt('zrem', this.#key(kind), name);
  }

  /** The server may have lost all of it. */
  doubt(): void {
    this.#isSettled = false;
  }

  /** Prolongs it, and writes it anew where it may be wrong. @param ttl ms. */
  async settle(ttl: number): Promise<void> {
    const isSettled = this.#isSettled;
    this.#isSettled = true;
    for (const kind of KINDS) {
      const key = this.#key(kind);
      if (!isSettled) await this.#attempt('del', key);
      const names = isSettled ? [] : [...this.#held[kind]];
      for (let start = 0; start < names.length; start += CHUNK) {
        const pairs = names.slice(start, start + CHUNK).flatMap((name) => [0, name]);
        await this.#attempt('zadd', key, ...pairs);
      }
      await this.#attempt('pexpire', key, ttl);
    }
  }

  /** Of a pod that goes: it has no channels and users any more. What it leaves in rooms is swept up later. */
  async withdraw(): Promise<void> {
    await Promise.all(
      KINDS.filter((kind) => kind !== 'rooms').map(async (kind) => this.#attempt('del', this.#key(kind))),
    );
  }

  #key(kind: PodIndexKind): string {
    return this.#names.podIndex(this.#pod, kind);
  }

  async #attempt(...command: readonly (string | number)[]): Promise<void> {
    try {
      await this.#router.command(podTag(this.#pod), ...command);
    } catch {
      this.#isSettled = false;
    }
  }
}
