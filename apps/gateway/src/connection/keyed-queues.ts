import type { RequestId } from '@holdfast/protocol';
import type { Request } from './request.js';

export interface Work {
  run(request: Request): Promise<void>;
  /**
   * A request is not counted any more. {@link run} cannot know that: the brokers settle many requests at the same moment, and each of
   * them would still find all others here.
   */
  onAnswered?(): void;
}

/**
 * The unanswered requests of one connection. Those with the same key (a channel) run one after the other, and those
 * with different keys side by side, at most `concurrency` at once.
 */
export class KeyedQueues {
  /** Requests that run or wait. */
  size = 0;
  /** Bytes of their frames. */
  bytes = 0;
  private running = 0;
  private queues: Map<string, Request[]> | undefined;
  private ids: Set<RequestId> | undefined;
  private waiting: string[] | undefined;

  add(key: string, request: Request, concurrency: number, work: Work): void {
    this.size += 1;
    this.bytes += request.bytes;
    if (request.frame.id !== undefined) (this.ids ??= new Set()).add(request.frame.id);
    this.queues ??= new Map();
    const queue = this.queues.get(key);
    if (queue !== undefined) {
      queue.push(request);
      return;
    }
    this.queues.set(key, [request]);
    if (this.running < concurrency) this.begin(key, work);
    else (this.waiting ??= []).push(key);
  }

  /** Whether a request with this id is unanswered. */
  has(id: RequestId): boolean {
    return this.ids?.has(id) ?? false;
  }

  private begin(key: string, work: Work): void {
    this.run(key, work).catch(rethrow);
  }

  private async run(key: string, work: Work): Promise<void> {
    const queue = this.queues?.get(key);
    if (queue === undefined) return;
    this.running += 1;
    for (let request = queue[0]; request !== undefined; request = queue[0]) {
      await work.run(request);
      queue.shift();
      this.size -= 1;
      this.bytes -= request.bytes;
      if (request.frame.id !== undefined) this.ids?.delete(request.frame.id);
      work.onAnswered?.();
    }
    this.queues?.delete(key);
    this.running -= 1;
    if (this.queues?.size === 0) {
      // So that an idle connection takes no memory here.
      this.queues = undefined;
      this.ids = undefined;
      this.waiting = undefined;
      return;
    }
    const next = this.waiting?.shift();
    if (next !== undefined) this.begin(next, work);
  }
}

/** For the handler of uncaught errors. Work handles its own errors, and never rejects. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
