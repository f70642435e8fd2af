import { Ladder } from './ladder.js';

/** Who asks for something that there is not enough of for everybody. */
export interface Asker {
  /** What it is counted by. */
  readonly key: string;
  /** Whether it has proven who it is. Those who have not can make up as many keys as they like. */
  readonly isProven: boolean;
}

/** The largest share of the slots that one asker may hold. */
const ASKER_SHARE = 0.25;
const MIN_PER_ASKER = 2;

/** The largest share of the slots, and of the room to wait, that all may hold who have not proven who they are. */
const UNPROVEN_SHARE = 0.75;

/** A task was not run: there is no room for it, it waited for too long, or it would have failed. */
export class NotRunError extends Error {
  override readonly name = 'NotRunError';

  constructor() {
    super('it was not run');
  }
}

interface Task {
  readonly start: () => void;
  readonly refuse: (reason: NotRunError) => void;
  /** By `performance.now()`. */
  readonly until: number;
}

/** What one asker has waiting and under way; kept only while there is any. */
interface Account {
  readonly key: string;
  readonly kind: Kind;
  readonly waiting: Task[];
  underWay: number;
}

/** Those who have proven who they are, or those who have not. */
class Kind {
  /** Who may start a task, in turn: whoever started one goes to the end. */
  readonly turns = new Set<Account>();
  /** By what they have waiting. */
  readonly ladder = new Ladder<Account>();
  underWay = 0;
  waiting = 0;

  constructor(
    readonly maxUnderWay: number,
    readonly maxWaiting: number,
  ) {}
}

/**
 * Runs so many tasks at once, and shares the slots and the room to wait among those who ask. Askers take turns, however
 * many tasks each has. If all places to wait are taken, the newest task of the asker with the most of them gives way, so
 * that nobody is refused because one other asks for much.
 */
export class FairSlots {
  private readonly accounts = new Map<string, Account>();
  private readonly proven: Kind;
  private readonly unproven: Kind;
  private readonly maxPerAsker: number;

  constructor(
    private readonly slots: number,
    private readonly maxWaiting: number,
  ) {
    this.maxPerAsker = Math.max(MIN_PER_ASKER, Math.ceil(slots * ASKER_SHARE));
    this.proven = new Kind(slots, maxWaiting);
    this.unproven = new Kind(Math.ceil(slots * UNPROVEN_SHARE), Math.ceil(maxWaiting * UNPROVEN_SHARE));
  }

  /**
   * Runs a task when its turn comes.
   *
   * @param within how long it may wait for its turn, in ms.
   * @throws NotRunError; otherwise what the task throws.
   */
  async run<T>(asker: Asker, within: number, task: () => Promise<T>): Promise<T> {
    const account = this.accountOf(asker);
    if (account.waiting.length > 0 || !this.mayStart(account)) await this.turnOf(account, within);
    else this.begin(account);
    try {
      return await task();
    } finally {
      this.end(account);
    }
  }

  private get underWay(): number {
    return this.proven.underWay + this.unproven.underWay;
  }

  private accountOf({ key, isProven }: Asker): Account {
    let account = this.accounts.get(key);
    if (account === undefined) {
      account = { key, kind: isProven ? this.proven : this.unproven, waiting: [], underWay: 0 };
      this.accounts.set(key, account);
    }
    return account;
  }

  private mayStart({ kind, underWay }: Account): boolean {
    return this.underWay < this.slots && kind.underWay < kind.maxUnderWay && underWay < this.maxPerAsker;
  }

  private turnOf(account: Account, within: number): Promise<void> {
    return new Promise((start, refuse) => {
      if (this.makeRoom(account)) {
        account.waiting.push({ start, refuse, until: performance.now() + within });
        this.waitingChanged(account, 1);
      } else {
        this.forgetIfIdle(account);
        refuse(new NotRunError());
      }
    });
  }

  /** @returns false if there is none, and nobody has more waiting than this one would. */
  private makeRoom({ kind, waiting }: Account): boolean {
    const { proven, unproven } = this;
    const isKindFull = kind.waiting >= kind.maxWaiting;
    if (!isKindFull && proven.waiting + unproven.waiting < this.maxWaiting) return true;
    const highest = unproven.ladder.height > proven.ladder.height ? unproven : proven;
    const hog = (isKindFull ? kind : highest).ladder.top;
    if (hog === undefined || hog.waiting.length <= waiting.length + 1) return false;
    hog.waiting.pop()?.refuse(new NotRunError());
    this.waitingChanged(hog, -1);
    return true;
  }

  private begin(account: Account): void {
    account.underWay += 1;
    account.kind.underWay += 1;
    account.kind.turns.delete(account);
    this.takeTurns(account);
  }

  private end(account: Account): void {
    account.underWay -= 1;
    account.kind.underWay -= 1;
    this.takeTurns(account);
    this.forgetIfIdle(account);
    for (let next = this.next(); next !== undefined; next = this.next()) this.startOldest(next);
  }

  private startOldest(account: Account): void {
    const task = account.waiting.shift();
    this.waitingChanged(account, -1);
    if (task !== undefined && performance.now() <= task.until) {
      this.begin(account);
      task.start();
    } else {
      this.forgetIfIdle(account);
      task?.refuse(new NotRunError());
    }
  }

  /** The asker whose turn it is, if there is a slot for one. The kind that holds less than half of the slots comes first. */
  private next(): Account | undefined {
    if (this.underWay >= this.slots) return undefined;
    const { proven, unproven } = this;
    const [a] = proven.turns;
    const [b] = unproven.underWay < unproven.maxUnderWay ? unproven.turns : [];
    return unproven.underWay > proven.underWay ? (a ?? b) : (b ?? a);
  }

  private waitingChanged(account: Account, by: 1 | -1): void {
    const { kind, waiting } = account;
    kind.waiting += by;
    kind.ladder.move(account, waiting.length - by, waiting.length);
    if (waiting.length === 0) kind.turns.delete(account);
    else this.takeTurns(account);
  }

  /** Whoever has as much under way as it may takes no turns until some of it has ended. */
  private takeTurns(account: Account): void {
    if (account.waiting.length > 0 && account.underWay < this.maxPerAsker) account.kind.turns.add(account);
  }

  private forgetIfIdle({ key, waiting, underWay }: Account): void {
    if (waiting.length === 0 && underWay === 0) this.accounts.delete(key);
  }
}
