import { readdir, readFile } from 'node:fs/promises';
import { eventually } from '../../src/testing/eventually.js';

/**
 * Stops processes without ending them. Resolves when none of their threads runs any more: on a busy machine the kernel stops them a
 * moment after the signal, and until then they answer.
 */
export async function hang(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await eventually(async () => {
    for (const pid of pids) {
      for (const thread of await readdir(`/proc/${pid}/task`)) {
        const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8');
        if (!/^State:\s+[TZ]/m.test(status)) throw new Error(`process ${pid} still runs`);
      }
    }
  });
}

/** Ends {@link hang}. */
export function resume(...pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, 'SIGCONT');
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
