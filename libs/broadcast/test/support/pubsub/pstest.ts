import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../../src/testing/eventually.js';
import { freePort } from '../free-port.js';

/** The path of the server. The first run builds it, which takes minutes: here no test's timeout counts. */
const PROGRAM = execFileSync(fileURLToPath(new URL('../servers/pubsub.sh', import.meta.url)), {
  encoding: 'utf8',
}).trim();

export interface Pstest {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the in-memory server of Google's Go client. It ends with this process. */
export async function startPstest(): Promise<Pstest> {
  const port = await freePort();
  const server = spawn(PROGRAM, ['-port', `${port}`], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(server, 'spawn');
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
    } finally {
      socket.destroy();
    }
  });
  return {
    port,
    close: async () => {
      if (server.exitCode !== null) return;
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    },
  };
}
