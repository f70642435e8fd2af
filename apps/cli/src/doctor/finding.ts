import type { FindingId } from './catalogue/index.js';

/** A fault that was found. */
export interface Finding {
  readonly id: FindingId;
  /** Where it is, such as `Service/holdfast`. */
  readonly object: string;
  /** What was seen, with its values. */
  readonly evidence: string;
  /** The command or the value that mends it here. */
  readonly mend: string;
}

/** Something that could not be examined, and why. */
export interface Unexamined {
  readonly what: string;
  readonly why: string;
}
