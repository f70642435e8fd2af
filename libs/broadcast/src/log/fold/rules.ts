/** The rules by which this release folds. A change that decides anything else for the same log needs the next number. */
export const RULES = 1;
