import { spawn } from 'node:child_process';

// Starts everything but the gateway: a Redis for the queue unless there is one, and the three programs.

const { REDIS_URL = 'redis://localhost:6399' } = process.env;

const commands = ['orders.js', 'totals.js', 'page.js'].map((file) => [process.execPath, file]);
if (process.env.REDIS_URL === undefined) {
  commands.unshift(['redis-server', '--port', '6399', '--bind', '127.0.0.1', '--save', '', '--loglevel', 'warning']);
}
const children = commands.map(([program, ...args]) =>
  spawn(program, args, { cwd: import.meta.dirname, stdio: 'inherit', env: { ...process.env, REDIS_URL } }),
);

function end() {
  for (const child of children) child.kill();
}

for (const child of children) {
  child.on('exit', end);
  child.on('error', ({ message }) => {
    console.error(`${message}: install redis-server, or set REDIS_URL`);
    process.exitCode = 1;
    end();
  });
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, end);
