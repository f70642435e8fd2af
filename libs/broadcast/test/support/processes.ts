import { readdir, readFile } from 'node:fs/promises';
import { eventually } from '../../src/testing/eventually.js';

/** Sends a signal to processes, some of which may have ended. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Stops processes without ending them. Resolves when none of their threads runs any more: on a busy machine the kernel stops them a
 * moment after the signal, and until then they answer.
 */
export async function hang(...pids: readonly number[]): Promise<void> {
  signalAll(pids, 'SIGSTOP');
  await eventually(async () => {
    for (const pid of pids) {
      for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
        const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8').catch(() => 'State: Z');
        if (!/^State:\s+[TZ]/m.test(status)) throw new Error(`process ${pid} still runs`);
      }
    }
  });
}

/** Ends {@link hang}. */
export function resume(...pids: readonly number[]): void {
  signalAll(pids, 'SIGCONT');
}

/** The processes of a process group. */
export async function groupMembers(group: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // pid (name) state parent group …: the name may contain blanks and brackets.
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group;
    }),
  );
  return pids.filter((_, index) => found[index]).map(Number);
}
