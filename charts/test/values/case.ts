import type { Manifests } from '../support/helm.ts';

/** What a value is for, in one example. */
export type ValueCase = {
  readonly value: unknown;
  /** What else must be set for it to matter. */
  readonly with?: object;
} & (
  | {
      readonly look: (manifests: Manifests) => unknown;
      /** What must be seen there; not seen without the value. */
      readonly expect: unknown;
    }
  /** What Helm must say; without the value it says nothing. */
  | { readonly refused: string }
);
