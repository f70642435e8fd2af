import type { Scene } from '../support/scene.js';

/** Something that a release cannot do without, lost and recovered. */
export interface Loss {
  readonly name: string;
  /** What an operator does to recover, for the page; empty if it is nothing. */
  readonly recovery: string;
  /** Whether subscribers receive a gap, because the broker's data are gone. */
  readonly gap: boolean;
  /** Saves what recovering needs. */
  save?(scene: Scene): Promise<void>;
  lose(scene: Scene): Promise<void>;
  /** Recovers as the page says. Resolves when nothing is left to do for the operator. */
  recover?(scene: Scene): Promise<void>;
}
