import { CountIndex } from './count-index.js';

/** Somebody who competes for a limited resource. */
export interface Caller {
  /** What it is counted by. */
  readonly key: string;
  /** Whether it has proven its identity. Those who have not can make up as many keys as they like. */
  readonly isProven: boolean;
}

/** The largest share of the slots for one caller. */
const CALLER_SHARE = 0.25;
const MIN_PER_CALLER = 2;

/** The largest share of the slots, and of the queue, for all callers together that have not proven their identity. */
const UNPROVEN_SHARE = 0.75;

/** A task was not run: the queue is full, it waited for too long, or it was bound to fail. */
export class NotRunError extends Error {
  override readonly name = 'NotRunError';

  constructor() {
    super('the task was not run');
  }
}

interface Task {
  readonly start: () => void;
  readonly refuse: (reason: NotRunError) => void;
  /** By `performance.now()`. */
  readonly until: number;
}

/** What one caller has waiting and running; kept only while there is any. */
interface Account {
  readonly key: string;
  readonly kind: Kind;
  readonly waiting: Task[];
  underWay: number;
}

/** All callers that have proven their identity, or all that have not. */
class Kind {
  /** Callers that may start a task, in turn: after starting one a caller goes to the end. */
  readonly turns = new Set<Account>();
  /** Callers by the number of their waiting tasks. */
  readonly index = new CountIndex<Account>();
  underWay = 0;
  waiting = 0;

  constructor(
    readonly maxUnderWay: number,
    readonly maxWaiting: number,
  ) {}
}

/**
 * Runs a limited number of tasks at once, and shares the slots and the queue fairly. Callers take turns, however many
 * tasks each has. If the queue is full, the newest task of the caller with the most waiting tasks is dropped, so that
 * nobody is refused because of one greedy caller.
 */
export class FairSlots {
  private readonly accounts = new Map<string, Account>();
  private readonly proven: Kind;
  private readonly unproven: Kind;
  private readonly maxPerCaller: number;

  constructor(
    private readonly slots: number,
    private readonly maxWaiting: number,
  ) {
    this.maxPerCaller = Math.max(MIN_PER_CALLER, Math.ceil(slots * CALLER_SHARE));
    this.proven = new Kind(slots, maxWaiting);
    this.unproven = new Kind(Math.ceil(slots * UNPROVEN_SHARE), Math.ceil(maxWaiting * UNPROVEN_SHARE));
  }

  /**
   * Runs a task when its turn comes.
   *
   * @param within how long it may wait for its turn, in ms.
   * @throws NotRunError; otherwise what the task throws.
   */
  async run<T>(caller: Caller, within: number, task: () => Promise<T>): Promise<T> {
    const account = this.accountOf(caller);
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

  private accountOf({ key, isProven }: Caller): Account {
    let account = this.accounts.get(key);
    if (account === undefined) {
      account = { key, kind: isProven ? this.proven : this.unproven, waiting: [], underWay: 0 };
      this.accounts.set(key, account);
    }
    return account;
  }

  private mayStart({ kind, underWay }: Account): boolean {
    return this.underWay < this.slots && kind.underWay < kind.maxUnderWay && underWay < this.maxPerCaller;
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

  /** @returns false if the queue is full and nobody has more waiting tasks than this caller would have. */
  private makeRoom({ kind, waiting }: Account): boolean {
    const { proven, unproven } = this;
    const isKindFull = kind.waiting >= kind.maxWaiting;
    if (!isKindFull && proven.waiting + unproven.waiting < this.maxWaiting) return true;
    const highest = unproven.index.height > proven.index.height ? unproven : proven;
    const hog = (isKindFull ? kind : highest).index.top;
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

  /** The caller whose turn it is, if a slot is free. The kind that holds fewer than half of the slots comes first. */
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
    kind.index.move(account, waiting.length - by, waiting.length);
    if (waiting.length === 0) kind.turns.delete(account);
    else this.takeTurns(account);
  }

  /** A caller that runs as many tasks as it may takes no turns until one of them has ended. */
  private takeTurns(account: Account): void {
    if (account.waiting.length > 0 && account.underWay < this.maxPerCaller) account.kind.turns.add(account);
  }

  private forgetIfIdle({ key, waiting, underWay }: Account): void {
    if (waiting.length === 0 && underWay === 0) this.accounts.delete(key);
  }
}
