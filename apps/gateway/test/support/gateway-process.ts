import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { API_KEY, JWT_SECRET } from './gateway.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The built gateway in its own process, as in production. */
export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  /** Everything that it has written to stdout and stderr. */
  output(): string;
  /** Resolves with the exit code when it has ended; null if a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts it without waiting for anything; it is killed when the test ends.
 *
 * @param descriptors the maximum number of open files.
 * @param main another gateway, with modules of its own.
 */
export function spawnGateway(
  env: NodeJS.ProcessEnv,
  descriptors?: number,
  main = MAIN,
): Omit<GatewayProcess, 'port' | 'url'> {
  const node = [process.execPath, main];
  const limited = ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh', ...node];
  const [command = '', ...args] = descriptors === undefined ? node : limited;
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    child,
    exited,
    output: () => output,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

/** Starts it without waiting for anything, on a port that is chosen beforehand. */
export async function runGatewayProcess(
  env: NodeJS.ProcessEnv = {},
  descriptors?: number,
  main?: string,
): Promise<GatewayProcess> {
  const port = Number(env['HOLDFAST_PORT'] ?? (await freePort()));
  const gateway = spawnGateway(
    {
      PATH: process.env['PATH'],
      NODE_ENV: 'development',
      HOLDFAST_PORT: String(port),
      HOLDFAST_MANAGEMENT_PORT: '0',
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      HOLDFAST_API_KEYS: API_KEY,
      HOLDFAST_ANONYMOUS: 'true',
      ...env,
    },
    descriptors,
    main,
  );
  return { ...gateway, port, url: `http://127.0.0.1:${port}` };
}

/** Starts it and waits until it is ready. */
export async function startGatewayProcess(
  env: NodeJS.ProcessEnv = {},
  descriptors?: number,
  main?: string,
): Promise<GatewayProcess> {
  const gateway = await runGatewayProcess(env, descriptors, main);
  let ended = false;
  void gateway.exited.then(() => (ended = true));
  while (!(await isReady(gateway.url))) {
    if (ended) throw new Error(`the gateway ended before it was ready:\n${gateway.output()}`);
  }
  return gateway;
}

async function isReady(url: string): Promise<boolean> {
  const ready = await fetch(`${url}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!ready) await new Promise((resolve) => setTimeout(resolve, 20));
  return ready;
}
