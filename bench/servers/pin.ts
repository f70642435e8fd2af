import { execFileSync } from 'node:child_process';

/** The core of the load generator. */
export const LOAD_CORE = 1;

/** Pins all threads of a process. Programs that it starts from now on inherit this; the compared servers are then pinned to their own core. */
export function pinTo(cores: readonly number[], pid = process.pid): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(pid)], { stdio: 'ignore' });
}
