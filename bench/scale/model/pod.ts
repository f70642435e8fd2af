import { limitsSchema, overloadSchema } from '../../../apps/gateway/src/config/limits.js';
import type { Config } from '../../../apps/gateway/src/config/index.js';
import { BATCH_EVERY_MS, invitations } from '../../../apps/gateway/src/lifecycle/drain-pace.js';
import type { Stage } from '../../../apps/gateway/src/lifecycle/lifecycle.js';
import { ConnectionLimits } from '../../../apps/gateway/src/limits/connection-limits.js';
import { Overload } from '../../../apps/gateway/src/limits/overload.js';
import type { Client } from './client.ts';
import type { Settings } from './settings.ts';
import type { Timeline } from './timeline.ts';
import type { World } from './world.ts';

const SAMPLE_MS = 1_000;

/** What a simulated pod does not have: metrics, logs, memory that is measured. */
const IGNORED = new Proxy(() => IGNORED, { get: () => IGNORED, apply: () => IGNORED }) as never;

interface Arrival {
  readonly client: Client;
  readonly answer: (accepted: boolean) => void;
}

/** A gateway: its real limits and pace of the drain, and one CPU that handles upgrades in order. */
export class Pod {
  stage: Stage | 'gone' = 'ready';
  /** What happens to packets that are sent to a pod that is gone: nothing, or they are refused. */
  isSilent = false;
  readonly clients: Client[] = [];
  readonly #settings: Settings;
  readonly #world: World;
  readonly #timeline: Timeline;
  readonly #limits: ConnectionLimits;
  readonly #overload: Overload;
  readonly #arrivals: Arrival[] = [];
  #next = 0;
  #isBusy = false;

  constructor(settings: Settings, world: World, timeline: Timeline) {
    this.#settings = settings;
    this.#world = world;
    this.#timeline = timeline;
    const config = {
      limits: { ...limitsSchema().parse({}), connectionRate: { perPod: settings.rate, perAddress: settings.rate } },
      overload: overloadSchema().parse({}),
    } as unknown as Config;
    this.#overload = new Overload(config, { isShort: false } as never, IGNORED, IGNORED);
    this.#limits = new ConnectionLimits(config, IGNORED, this.#overload, IGNORED, IGNORED, IGNORED);
  }

  /** ms for which an upgrade waits that arrives now, at most. */
  get wait(): number {
    return (this.#arrivals.length - this.#next) * this.#settings.acceptCost;
  }

  upgrade(client: Client, answer: (accepted: boolean) => void): void {
    this.#arrivals.push({ client, answer });
    this.#timeline.podWaits(this.wait);
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#watch();
    this.#work();
  }

  leave(client: Client): void {
    const last = this.clients.pop();
    if (last === undefined || last === client) return;
    this.clients[client.index] = last;
    last.index = client.index;
  }

  enter(client: Client): void {
    client.index = this.clients.push(client) - 1;
  }

  /** All clients lose their connections. @param isSilent without noticing it, until their pings are not answered. */
  die(isSilent: boolean): void {
    this.stage = 'gone';
    this.isSilent = isSilent;
    for (const { answer } of this.#arrivals.splice(0)) if (!isSilent) answer(false);
    this.#next = 0;
    for (const client of this.clients.splice(0)) client.podDied(this, isSilent);
  }

  /** From SIGTERM on. */
  drain(settle: number, window: number): void {
    this.stage = 'settling';
    this.#world.after(settle, () => {
      this.stage = 'draining';
      const all = [...this.clients];
      const end = this.#world.now + window;
      let asked = 0;
      const invite = (): void => {
        const { due, within } = invitations(all.length, window, end - this.#world.now);
        for (; asked < due; asked += 1) all[asked]?.askedToLeave(this, within);
        if (asked < all.length) this.#world.after(BATCH_EVERY_MS, invite);
      };
      invite();
      this.#world.after(window, () => this.die(false));
    });
  }

  #work(): void {
    const arrival = this.#arrivals[this.#next];
    if (arrival === undefined) {
      this.#arrivals.length = this.#next = 0;
      this.#isBusy = false;
      return;
    }
    this.#next += 1;
    const accepted = this.#admits();
    if (accepted) this.#timeline.accepted(this);
    else this.#timeline.refused();
    const { acceptCost, refuseCost } = this.#settings;
    this.#world.after(accepted ? acceptCost : refuseCost, () => {
      if (this.stage === 'gone') return;
      arrival.answer(accepted);
      this.#work();
    });
  }

  #admits(): boolean {
    if (this.stage === 'draining' || this.clients.length >= this.#settings.capacity) return false;
    try {
      this.#limits.checkOverload();
      this.#limits.takeUpgrade(true);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * The delay of the event loop is what waits for it: libuv handles up to 48 times 1,024 sockets that are ready before a timer.
   */
  #watch(): void {
    this.#world.after(SAMPLE_MS, () => {
      if (this.stage === 'gone') return;
      this.#overload.eventLoopDelayMs = this.wait;
      this.#overload.judge(this.#world.now);
      if (this.#isBusy || this.#overload.isOverloaded) this.#watch();
    });
  }
}
