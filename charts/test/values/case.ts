import type { Manifests } from '../support/helm.ts';

/** An example that shows the effect of a value. */
export type ValueCase = {
  readonly value: unknown;
  /** Other values that it needs to have an effect. */
  readonly with?: object;
} & (
  | {
      readonly look: (manifests: Manifests) => unknown;
      /** Must be present with the value, and absent without it. */
      readonly expect: unknown;
    }
  /** The error with the value; without it there must be none. */
  | { readonly refused: string }
);
