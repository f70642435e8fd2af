import { Rotation } from '../../membership/rotation.js';
import type { ChannelState } from '../fold/channel-table.js';
import type { Fold } from '../fold/fold.js';
import type { KnownKey } from '../fold/key-table.js';
import type { Window } from './window.js';

/** Calls in which everything is visited once. */
const STEPS = 120;

/** Forgets what has expired. That it has expired is decided when it is used: this only frees its memory. */
export class Sweeper {
  readonly #window: Window;
  readonly #rotations = new WeakMap<
    Fold,
    { channels: Rotation<string, ChannelState>; keys: Rotation<string, KnownKey> }
  >();

  constructor(window: Window) {
    this.#window = window;
  }

  /** Visits a part of the state. */
  sweep(fold: Fold): void {
    const { channels, keys, pods, time } = fold;
    let rotations = this.#rotations.get(fold);
    if (rotations === undefined) {
      rotations = { channels: new Rotation(channels.map), keys: new Rotation(keys.map) };
      this.#rotations.set(fold, rotations);
    }
    const visited = rotations.channels.next(STEPS).map(([, channel]) => channel);
    for (const channel of channels.drop(visited, time.now)) this.#window.drop(channel);
    keys.drop(
      rotations.keys.next(STEPS).map(([, key]) => key),
      time.now,
    );
    pods.sweep(time.now);
  }
}
