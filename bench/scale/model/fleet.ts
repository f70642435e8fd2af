import { Client } from './client.ts';
import { Pod } from './pod.ts';
import { Redis } from './redis.ts';
import type { Settings } from './settings.ts';
import { Timeline } from './timeline.ts';
import type { World } from './world.ts';

/** All pods behind a Service, and their clients. */
export class Fleet {
  readonly pods: Pod[];
  readonly clients: Client[] = [];
  /** The pods that the Service sends connections to. */
  endpoints: Pod[];
  readonly timeline: Timeline;
  /** When clients were welcomed, and had subscribed again. */
  readonly welcomes: number[] = [];
  readonly subscriptions: number[] = [];
  readonly #redis: Redis;
  #machineBusyUntil = 0;
  lostClients = 0;
  /** Clients that are connected, and have not subscribed yet. */
  unsubscribed = 0;

  constructor(
    readonly settings: Settings,
    readonly world: World,
  ) {
    this.timeline = new Timeline(world);
    this.#redis = new Redis(settings.redis, world, this.timeline);
    this.pods = Array.from({ length: settings.pods }, () => new Pod(settings, world, this.timeline));
    this.endpoints = [...this.pods];
    for (const pod of this.pods) {
      for (let count = 0; count < settings.clientsPerPod; count += 1) this.clients.push(new Client(this, pod));
    }
  }

  /** kube-proxy chooses at random. */
  pick(): Pod | undefined {
    return this.endpoints[Math.floor(Math.random() * this.endpoints.length)];
  }

  /** Runs something on the machine that all clients share, if they do. */
  onMachine(run: () => void): void {
    const { clientCost } = this.settings;
    if (clientCost === 0) return run();
    this.#machineBusyUntil = Math.max(this.#machineBusyUntil, this.world.now) + clientCost;
    this.world.after(this.#machineBusyUntil - this.world.now, run);
  }

  /** Another pod that becomes ready. */
  add(): Pod {
    const pod = new Pod(this.settings, this.world, this.timeline);
    this.pods.push(pod);
    this.endpoints.push(pod);
    return pod;
  }

  withdraw(pods: readonly Pod[]): void {
    this.endpoints = this.endpoints.filter((pod) => !pods.includes(pod));
  }

  lost(): void {
    this.lostClients += 1;
  }

  welcomed(): void {
    this.unsubscribed += 1;
    this.welcomes.push(this.world.now);
  }

  subscribed(): void {
    this.unsubscribed -= 1;
    this.subscriptions.push(this.world.now);
  }

  register(): void {
    this.#redis.run(this.settings.redis.connect);
  }

  /** @returns after how many ms the position is there. */
  subscribe(): number {
    return this.#redis.run(this.settings.redis.subscribe);
  }
}
