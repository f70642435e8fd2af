import { readFile } from 'node:fs/promises';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Excludes file pages (Node itself, for example), which the kernel drops when memory is short. */
const STATUS = '/proc/self/status';
const ANONYMOUS_MEMORY = /^RssAnon:\s+(\d+) kB$/m;

/** The statistics of cgroup v2: the kernel's socket buffers count against the container too. */
const CGROUP_MEMORY = '/sys/fs/cgroup/memory.stat';
const SOCKET_MEMORY = /^sock (\d+)$/m;

/**
 * How much of its memory and heap this process uses. Garbage does not count: V8 lets it pile up while there is room,
 * and keeps the room after collecting it.
 */
export class MemoryInUse {
  /** Bytes of the heap in use after the last full collection; undefined before the first. */
  private live: number | undefined;
  private collectedAt = performance.now();
  private readonly collections = new PerformanceObserver((list) => {
    if (list.getEntries().some(isFullCollection)) this.collected();
  });

  start(): void {
    this.collections.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.collections.disconnect();
  }

  /** The share of the heap limit that was in use after the last full collection. */
  get heapShare(): number {
    return (this.live ?? 0) / getHeapStatistics().heap_size_limit;
  }

  /** Bytes of the container's memory in use. Rejects if no file can be opened. */
  async total(): Promise<number> {
    const [status, cgroup] = await Promise.all([textOf(STATUS), textOf(CGROUP_MEMORY)]);
    const anonymous = ANONYMOUS_MEMORY.exec(status)?.[1];
    const resident = anonymous === undefined ? process.memoryUsage.rss() : Number(anonymous) * 1_024;
    const { total_physical_size: taken } = getHeapStatistics();
    const garbage = this.live === undefined ? 0 : Math.max(0, taken - this.live);
    return resident - garbage + Number(SOCKET_MEMORY.exec(cgroup)?.[1] ?? 0);
  }

  /**
   * Collects garbage if V8 has not done so for `ms`. A pod that refuses everything because its memory was full
   * allocates little, and might never find out that there is room again.
   */
  collectAfter(ms: number): void {
    if (performance.now() - this.collectedAt < ms) return;
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    this.collected();
  }

  private collected(): void {
    this.live = getHeapStatistics().used_heap_size;
    this.collectedAt = performance.now();
  }
}

function isFullCollection(entry: PerformanceEntry): boolean {
  const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {};
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/** Empty if the file does not exist. */
async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
