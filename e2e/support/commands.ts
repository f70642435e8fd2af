import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/**
 * Runs kubectl against the current KUBECONFIG.
 *
 * @param input what it reads from stdin.
 * @returns its stdout.
 * @throws Error with its stderr where it fails.
 */
export const kubectl = (args: readonly string[], input?: string): Promise<string> => run('kubectl', args, input);

/** Runs Helm likewise. */
export const helm = (args: readonly string[], input?: string): Promise<string> => run('helm', args, input);

async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: 'pipe' });
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => child.on('close', resolve).on('error', reject)),
  ]);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
