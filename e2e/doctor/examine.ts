import { Running } from '../../apps/cli/test/test-io.js';
import type { Release } from '../support/release.js';

/** What `holdfast doctor --json` prints, as far as the suites need it. */
export interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly {
    readonly id: string;
    readonly object: string;
    readonly evidence: string;
    readonly mend: string;
  }[];
  readonly unexamined: readonly { readonly what: string; readonly why: string }[];
}

/** Runs doctor on a release as an operator would. An idle WebSocket is watched only if the arguments say so. */
export async function examine(
  release: Release,
  args: readonly string[] = [],
  kubeconfig = process.env['KUBECONFIG'],
): Promise<Diagnosis> {
  const idle = args.includes('--idle') ? [] : ['--no-idle'];
  const running = new Running(['doctor', '--json', '--namespace', release.namespace.name, ...idle, ...args], {
    env: { KUBECONFIG: kubeconfig, HOLDFAST_JWT_SECRET: await release.secret('jwt-secret') },
  });
  const code = await running.exitCode;
  const [diagnosis] = running.json as Diagnosis[];
  if (diagnosis === undefined) throw new Error(`doctor printed nothing, and exited with ${code}: ${running.stderr}`);
  return diagnosis;
}
