import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** The scheduler's period, in µs: what Kubernetes has. */
const PERIOD = 100_000;

export interface ContainerLimits {
  /** In bytes. */
  readonly memory: number;
  /** Cores, fractions allowed. */
  readonly cpu: number;
}

/** Limits of memory and CPU as a container has them, by a control group of its own. Takes root, and cgroups v1 or v2. */
export class Container {
  private constructor(
    private readonly directories: readonly string[],
    private readonly peakFile: string,
  ) {}

  /** @throws Error that says what is missing, if this machine does not let us. */
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

  /** Runs a program that is never outside of the limits. */
  spawn(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const enter = this.directories.map((directory) => `echo $$ > ${directory}/cgroup.procs`).join(' && ');
    const command = ['-c', `${enter} && exec "$@"`, 'sh', program, ...args];
    return spawn('sh', command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The most memory that it had, caches included, in bytes. */
  get peak(): number {
    return Number(readFileSync(this.peakFile, 'utf8'));
  }

  /** Call it when the program has ended. */
  async remove(): Promise<void> {
    for (const directory of this.directories) {
      // The kernel takes a moment to notice that nobody is left.
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
