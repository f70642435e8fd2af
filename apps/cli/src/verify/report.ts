import { printable, printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

const COLOURS = { ok: 'green', fail: 'red', skip: 'yellow' } as const;

/** The width of the names, so that the results are aligned. */
const NAME_WIDTH = 8;

/** Prints one line per check: outcome, name and result. */
export class Report {
  /** The number of checks, without skipped ones. */
  checks = 0;
  failed = 0;
  readonly #terminal: Terminal;
  readonly #isJson: boolean;

  /** @param isJson whether to print a JSON object per check. */
  constructor(terminal: Terminal, isJson = false) {
    this.#terminal = terminal;
    this.#isJson = isJson;
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

  /** The check is not possible here, which is not a failure. */
  skip(check: string, reason: string): void {
    this.#print('skip', check, reason);
  }

  #print(outcome: keyof typeof COLOURS, check: string, seen: string): void {
    if (this.#isJson) {
      this.#terminal.print(printableJson({ check, outcome, detail: seen }));
      return;
    }
    const word = this.#terminal.style(COLOURS[outcome], outcome.padEnd(4));
    this.#terminal.print(`${word}  ${check.padEnd(NAME_WIDTH)}  ${printable(seen)}`);
  }
}
