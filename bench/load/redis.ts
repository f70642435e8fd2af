import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { freePort } from '../servers/free-port.ts';
import { Unavailable } from '../servers/server.ts';

const START_WITHIN_MS = 5_000;

/** A Redis without persistence. It runs on the load generator's core, so that it does not affect the servers' CPU time. */
export interface RedisServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @throws Unavailable if there is none. */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  );
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const failed = once(child, 'error').then(([error]) => {
    throw new Unavailable(`needs redis-server: ${String(error)}`);
  });
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    lazyConnect: false,
  });
  // It refuses commands while it starts.
  client.on('error', () => undefined);
  const timeout = AbortSignal.timeout(START_WITHIN_MS);
  const late = once(timeout, 'abort').then(() => {
    throw new Error('redis-server did not start in time');
  });
  try {
    await Promise.race([client.ping(), failed, late]);
  } catch (error) {
    process.off('exit', kill);
    kill();
    throw error;
  } finally {
    client.disconnect();
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      process.off('exit', kill);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
