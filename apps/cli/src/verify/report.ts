import { printable } from '../printable.js';
import type { Terminal } from '../terminal.js';

const COLOURS = { ok: 'green', fail: 'red', skip: 'yellow' } as const;

/** So that what was seen stands in one column. */
const NAME_WIDTH = 8;

/** One line for each check: its outcome, its name, and what it saw. */
export class Report {
  /** How many checks there were, without those that were skipped. */
  checks = 0;
  failed = 0;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  ok(check: string, seen: string): void {
    this.checks += 1;
    this.#print('ok', check, seen);
  }

  fail(check: string, seen: string): void {
    this.checks += 1;
    this.failed += 1;
    this.#print('fail', check, seen);
  }

  /** It cannot be checked here, which is no failure. */
  skip(check: string, reason: string): void {
    this.#print('skip', check, reason);
  }

  #print(outcome: keyof typeof COLOURS, check: string, seen: string): void {
    const word = this.#terminal.style(COLOURS[outcome], outcome.padEnd(4));
    this.#terminal.print(`${word}  ${check.padEnd(NAME_WIDTH)}  ${printable(seen)}`);
  }
}
