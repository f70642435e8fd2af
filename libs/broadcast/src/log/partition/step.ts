/** ms within which a single call of the adapter has to settle. */
export const STEP = 1_500;
