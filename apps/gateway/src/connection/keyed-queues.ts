import type { RequestId } from '@holdfast/protocol';
import type { Request } from './request.js';

type Work = (request: Request) => Promise<void>;

/**
 * The unanswered requests of one connection. Those of one lane (a channel) run one after the other, those of different
 * lanes side by side, at most `concurrency` at once.
 */
export class Lanes {
  /** Total of requests that run or wait. */
  size = 0;
  /** Of their frames. */
  bytes = 0;
  private running = 0;
  private queues: Map<string, Request[]> | undefined;
  private ids: Set<RequestId> | undefined;
  private waiting: string[] | undefined;

  add(lane: string, request: Request, concurrency: number, work: Work): void {
    this.size += 1;
    this.bytes += request.bytes;
    if (request.frame.id !== undefined) (this.ids ??= new Set()).add(request.frame.id);
    this.queues ??= new Map();
    const queue = this.queues.get(lane);
    if (queue !== undefined) {
      queue.push(request);
      return;
    }
    this.queues.set(lane, [request]);
    if (this.running < concurrency) this.begin(lane, work);
    else (this.waiting ??= []).push(lane);
  }

  /** Whether a request with this id is unanswered. */
  has(id: RequestId): boolean {
    return this.ids?.has(id) ?? false;
  }

  private begin(lane: string, work: Work): void {
    this.run(lane, work).catch(rethrow);
  }

  private async run(lane: string, work: Work): Promise<void> {
    const queue = this.queues?.get(lane);
    if (queue === undefined) return;
    this.running += 1;
    for (let request = queue[0]; request !== undefined; request = queue[0]) {
      await work(request);
      queue.shift();
      this.size -= 1;
      this.bytes -= request.bytes;
      if (request.frame.id !== undefined) this.ids?.delete(request.frame.id);
    }
    this.queues?.delete(lane);
    this.running -= 1;
    if (this.queues?.size === 0) {
      // An idle connection keeps nothing.
      this.queues = undefined;
      this.ids = undefined;
      this.waiting = undefined;
      return;
    }
    const next = this.waiting?.shift();
    if (next !== undefined) this.begin(next, work);
  }
}

/** For the handler of last resort: work answers what goes wrong, and does not reject. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
