import { execFile } from 'node:child_process';

export interface CommandOptions {
  /** The time limit in ms; 120,000 by default. */
  readonly timeout?: number;
  readonly input?: string;
}

/**
 * Runs a program and returns its output.
 *
 * @throws Error with its output, if it fails.
 */
export function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { timeout: options.timeout ?? 120_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}\n${stderr}`, { cause: error }));
      },
    );
    child.stdin?.end(options.input);
  });
}

/** Runs kubectl against the cluster of KUBECONFIG. */
export function kubectl(args: readonly string[], input?: string): Promise<string> {
  return command('kubectl', args, input === undefined ? {} : { input });
}
