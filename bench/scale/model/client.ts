import { Backoff, moveDelay } from '../../../libs/client/src/backoff.js';
import { PING_TIMEOUT, VISIBLE_SHARE } from '../../../libs/client/src/liveness.js';
import type { Fleet } from './fleet.ts';
import type { Pod } from './pod.ts';
import { REDIS_DEADLINE } from './redis.ts';

/** `welcome.ping`, in ms. */
const SILENCE = 8_000;
/** The defaults of the library. */
const BACKOFF = { base: 500, max: 20_000 };

/** A client with the library's back-off. The rules of its `Link` are repeated here, since that needs a socket and timers. */
export class Client {
  /** Its place among the clients of its pod. */
  index = 0;
  /** How many connections it has opened after its first. */
  moves = 0;
  readonly #fleet: Fleet;
  readonly #backoff = new Backoff(BACKOFF);
  #pod: Pod | undefined;
  #connectedAt = -Infinity;
  #attempt = 0;
  #isTrying = false;

  constructor(fleet: Fleet, pod: Pod) {
    this.#fleet = fleet;
    this.#pod = pod;
    pod.enter(this);
  }

  podDied(pod: Pod, isSilent: boolean): void {
    if (pod !== this.#pod) return;
    const { world, timeline, settings } = this.#fleet;
    this.#pod = undefined;
    timeline.changeAway(1);
    this.#fleet.lost();
    const isVisible = Math.random() < settings.visible;
    const silence = SILENCE * (isVisible ? VISIBLE_SHARE : 1);
    // The last frame arrived at some time within the silence after which it pings.
    world.after(isSilent ? silence * Math.random() + PING_TIMEOUT : 0, () => {
      this.#forgetFailuresIfStable();
      if (!this.#isTrying) this.#dialIn(this.#backoff.next());
    });
  }

  askedToLeave(pod: Pod, within: number): void {
    if (pod !== this.#pod || this.#isTrying) return;
    this.#forgetFailuresIfStable();
    this.#dialIn(moveDelay(within));
  }

  #forgetFailuresIfStable(): void {
    if (this.#fleet.world.now - this.#connectedAt >= BACKOFF.max) this.#backoff.reset();
  }

  #dialIn(delay: number): void {
    this.#isTrying = true;
    this.#fleet.world.after(delay, () => this.#fleet.onMachine(() => this.#dial()));
  }

  #dial(): void {
    const { world, settings, timeline } = this.#fleet;
    const { roundTrip, timeout } = settings;
    this.#attempt += 1;
    const attempt = this.#attempt;
    const ended = (accepted: boolean, isAnswered: boolean): boolean => {
      if (attempt !== this.#attempt) return false;
      this.#attempt += 1;
      if (!isAnswered) timeline.unanswered();
      if (!accepted) this.#dialIn(this.#backoff.next());
      return true;
    };
    const pod = this.#fleet.pick();
    if (pod === undefined || (pod.stage === 'gone' && !pod.isSilent)) {
      world.after(roundTrip, () => ended(false, true));
      return;
    }
    if (pod.stage === 'gone') {
      world.after(timeout, () => ended(false, false));
      return;
    }
    // One round trip for TCP and half of one for the request.
    const arrives = 1.5 * roundTrip;
    world.after(arrives, () => {
      if (pod.wait + 2 * roundTrip > timeout) world.after(timeout - arrives, () => ended(false, false));
      pod.upgrade(this, (accepted) => {
        world.after(roundTrip / 2, () => {
          // It gave up before the answer: the connection is closed again.
          if (!ended(accepted && pod.stage !== 'gone', true)) return;
          if (accepted && pod.stage !== 'gone') this.#welcomed(pod);
        });
      });
    });
  }

  #welcomed(pod: Pod): void {
    const { world, timeline } = this.#fleet;
    const former = this.#pod;
    this.#pod = pod;
    this.#isTrying = false;
    this.#connectedAt = world.now;
    this.moves += 1;
    if (former === undefined) timeline.changeAway(-1);
    else former.leave(this);
    pod.enter(this);
    this.#fleet.welcomed();
    this.#fleet.register();
    this.#subscribe(pod, new Backoff(BACKOFF));
    // The new pod may have begun to drain before this client was among those that it asks.
    if (pod.stage === 'draining') this.askedToLeave(pod, 1_000);
  }

  /** Repeated while Redis answers too late. */
  #subscribe(pod: Pod, backoff: Backoff): void {
    const { world } = this.#fleet;
    const wait = this.#fleet.subscribe();
    if (wait <= REDIS_DEADLINE) {
      world.after(wait, () => this.#fleet.subscribed());
      return;
    }
    world.after(REDIS_DEADLINE + backoff.next(), () => {
      if (pod === this.#pod) this.#subscribe(pod, backoff);
      else this.#fleet.unsubscribed -= 1;
    });
  }
}
