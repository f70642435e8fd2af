import type { Names, PodIndexKind } from './names.js';
import type { PodIndex } from './pod-index.js';
import { Rotation } from './rotation.js';
import type { Router } from './router.js';

export interface HoldingsContext {
  readonly router: Router;
  readonly names: Names;
  readonly index: PodIndex;
  /** This pod's id. */
  readonly pod: string;
  /** ms for which what nobody sweeps up is kept; {@link Holdings.prolong} must have been round by then. */
  readonly ttl: number;
  readonly now: () => number;
}

/** How many are brought back at a time. */
const CHUNK = 500;

/**
 * The clients that this pod holds on the server, in groups, each for one holder. They live as long as the pod's lease, and
 * are brought back to a server that has lost them.
 */
export abstract class Holdings<Entry extends { readonly holder: string }> {
  readonly #groups = new Map<string, Map<string, Entry>>();
  readonly #rotation = new Rotation(this.#groups);
  /** What could not be done while the server was away. */
  #late: (() => Promise<void>)[] = [];

  constructor(
    /** What a group is. */
    readonly kind: PodIndexKind,
    protected readonly context: HoldingsContext,
  ) {}

  /** Takes out whatever a dead pod held in a group. */
  abstract sweep(group: string, dead: string): Promise<void>;

  /**
   * The server may have lost some, or others swept them up: brings all back that nobody else has by now. It may also have
   * lost that some have gone: takes those out.
   *
   * @param noted the groups that the server has noted of this pod.
   */
  async restore(noted: readonly string[]): Promise<void> {
    const all = Array.from(this.#groups, ([group, clients]) =>
      Array.from(clients, ([client, entry]) => [group, client, entry] as const),
    ).flat();
    for (let start = 0; start < all.length; start += CHUNK) {
      await Promise.all(all.slice(start, start + CHUNK).map(async (held) => this.bringBack(...held)));
    }
    const groups = [...new Set([...noted, ...this.#groups.keys()])];
    for (let start = 0; start < groups.length; start += CHUNK) {
      await Promise.all(groups.slice(start, start + CHUNK).map(async (group) => this.#removeStrays(group)));
    }
  }

  /** Does what could not be done. */
  async catchUp(): Promise<void> {
    const late = this.#late;
    this.#late = [];
    for (const [index, step] of late.entries()) {
      try {
        await step();
      } catch (error) {
        this.#late.push(...late.slice(index));
        throw error;
      }
    }
  }

  /** Keeps some of the groups from expiring; all of them after `steps` calls. */
  async prolong(steps: number): Promise<void> {
    const { router, pod, ttl } = this.context;
    const groups = this.#rotation.next(steps);
    await Promise.all(
      groups.flatMap(([group]) =>
        this.keys(group, pod).map(async (key) => router.command(this.tag(group), 'pexpire', key, ttl)),
      ),
    );
  }

  /** The clients that this pod holds in a group by the word of the server. */
  protected abstract stored(group: string): Promise<string[]>;
  /** Takes a client out, if it is this pod that holds it by the word of the server. */
  protected abstract remove(group: string, client: string): Promise<void>;
  /** @param again whether it is only brought back: then it stays with a holder that has come later. */
  protected abstract put(group: string, client: string, entry: Entry, again: boolean): Promise<void>;
  /** The hash tag of a group's keys. */
  protected abstract tag(group: string): string;
  protected abstract keys(group: string, pod: string): string[];

  protected get groups(): string[] {
    return [...this.#groups.keys()];
  }

  protected held(group: string, client: string): Entry | undefined {
    return this.#groups.get(group)?.get(client);
  }

  /** Notes it here, and the group in the pod's index, so that whoever sweeps up after this pod finds it. */
  protected async hold(group: string, client: string, entry: Entry): Promise<void> {
    const clients = this.#groups.get(group) ?? new Map<string, Entry>();
    clients.set(client, entry);
    this.#groups.set(group, clients);
    await this.context.index.add(this.kind, group);
  }

  /** Notes that it is held no more. */
  protected async forget(group: string, client: string): Promise<void> {
    const clients = this.#groups.get(group);
    if (clients === undefined) return;
    clients.delete(client);
    if (clients.size > 0) return;
    this.#groups.delete(group);
    await this.context.index.remove(this.kind, group);
  }

  protected async bringBack(group: string, client: string, entry: Entry): Promise<void> {
    if (this.held(group, client) === entry) await this.put(group, client, entry, true);
  }

  async #removeStrays(group: string): Promise<void> {
    const clients = await this.stored(group);
    // One that comes in this moment is put behind its removal.
    const strays = clients.filter((client) => this.held(group, client) === undefined);
    await Promise.all(strays.map(async (client) => this.remove(group, client)));
  }

  /** Has it done when the server can be asked again. */
  protected later(step: () => Promise<void>): void {
    this.#late.push(step);
  }
}
