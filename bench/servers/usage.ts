import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Of /proc/PID/stat; asked once. */
let ticksPerSecond: number | undefined;

/** The CPU time of a process and all of its threads since it began, in µs. */
export function cpuTime(pid: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return cpuTicks(stat) * (1e6 / ticksPerSecond);
}

/** utime + stime of a line of proc(5)'s stat. The name of the program may hold anything, and stands in parentheses. */
export function cpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** What a process holds in memory, in bytes. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
