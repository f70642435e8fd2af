import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** The scheduler's period in µs, as in Kubernetes. */
const PERIOD = 100_000;

export interface ContainerLimits {
  /** In bytes. */
  readonly memory: number;
  /** Cores, fractions allowed. */
  readonly cpu: number;
}

/** Limits of memory and CPU like those of a container, by a cgroup. Requires root, and cgroups v1 or v2. */
export class Container {
  private constructor(
    private readonly directories: readonly string[],
    private readonly peakFile: string,
  ) {}

  /** @throws Error that says what is missing, if this machine does not support it. */
  static create({ memory, cpu }: ContainerLimits): Container {
    const name = `holdfast-${randomUUID()}`;
    const isV2 = existsSync(`${ROOT}/cgroup.controllers`);
    const memoryDirectory = `${ROOT}/${isV2 ? '' : 'memory/'}${name}`;
    const cpuDirectory = `${ROOT}/${isV2 ? '' : 'cpu/'}${name}`;
    const directories = [...new Set([memoryDirectory, cpuDirectory])];
    try {
      if (isV2) writeFileSync(`${ROOT}/cgroup.subtree_control`, '+memory +cpu');
      for (const directory of directories) mkdirSync(directory);
      const quota = Math.round(cpu * PERIOD);
      if (isV2) {
        writeFileSync(`${memoryDirectory}/memory.max`, String(memory));
        writeFileSync(`${cpuDirectory}/cpu.max`, `${quota} ${PERIOD}`);
      } else {
        writeFileSync(`${memoryDirectory}/memory.limit_in_bytes`, String(memory));
        writeFileSync(`${cpuDirectory}/cpu.cfs_period_us`, String(PERIOD));
        writeFileSync(`${cpuDirectory}/cpu.cfs_quota_us`, String(quota));
      }
      return new Container(directories, `${memoryDirectory}/${isV2 ? 'memory.peak' : 'memory.max_usage_in_bytes'}`);
    } catch (error) {
      throw new Error(`the soak needs root and cgroups with the controllers memory and cpu below ${ROOT}`, {
        cause: error,
      });
    }
  }

  /** Starts a program within the limits. */
  spawn(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const enter = this.directories.map((directory) => `echo $$ > ${directory}/cgroup.procs`).join(' && ');
    const command = ['-c', `${enter} && exec "$@"`, 'sh', program, ...args];
    return spawn('sh', command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The peak memory, including caches, in bytes. */
  get peak(): number {
    return Number(readFileSync(this.peakFile, 'utf8'));
  }

  /** Must be called after the program has ended. */
  async remove(): Promise<void> {
    for (const directory of this.directories) {
      // The kernel needs a moment to notice that the cgroup is empty.
      for (let attempts = 0; attempts < 50 && existsSync(directory); attempts += 1) {
        try {
          rmdirSync(directory);
        } catch {
          await sleep(100);
        }
      }
    }
  }
}
