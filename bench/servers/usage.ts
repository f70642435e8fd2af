import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of the times in /proc; read once. */
let ticksPerSecond: number | undefined;

function microseconds(ticks: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks * (1e6 / ticksPerSecond);
}

/** The CPU time of a process with all of its threads since its start, in µs. */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return microseconds(cpuTicks(stat));
}

/** The same of its current threads from the scheduler, in µs: for little work, as the other counts in steps of 10 ms. */
export function preciseCpuTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    const [onCpu] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(onCpu) / 1_000;
  }, 0);
}

/** utime + stime of a line of proc(5)'s stat. The program's name is in parentheses, and may contain any characters. */
export function cpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** The time in which a core was busy, in µs. */
export function coreTime(core: number): number {
  return microseconds(coreTicks(readFileSync('/proc/stat', 'utf8'), core));
}

/** The sum of a core's line of proc(5)'s stat (user, nice, system, idle, iowait, irq, softirq, steal) without waiting. */
export function coreTicks(stat: string, core: number): number {
  const line = stat.split('\n').find((candidate) => candidate.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`there is no core ${core}: the benchmark needs two`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').slice(1).map(Number);
  return user + nice + system + irq + softirq + steal;
}

/** The number of packets on the loopback interface, of all programs. */
export function loopbackPackets(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((candidate) => candidate.trimStart().startsWith('lo:'));
  return Number(line?.trim().split(/\s+/)[2]);
}

/** The resident memory of a process, in bytes. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
