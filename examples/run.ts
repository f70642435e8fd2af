import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Starts a gateway with secrets of its own, and the example beside it. Both end together.

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const [name = ''] = process.argv.slice(2);
const folder = `${ROOT}/examples/${name}`;
if (!/^[\w-]+$/.test(name) || !existsSync(`${folder}/package.json`)) {
  console.error('usage: npm run example -- NAME, with a name from examples/README.md');
  process.exit(2);
}

const key = process.env['HOLDFAST_API_KEYS'] ?? randomBytes(24).toString('base64url');
const env = {
  ...process.env,
  HOLDFAST_JWT_SECRET: randomBytes(32).toString('base64url'),
  HOLDFAST_API_KEYS: key,
  GATEWAY_API_KEY: key,
  HOLDFAST_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  // Chats without a sign-in need it; the other examples do not use it.
  HOLDFAST_ANONYMOUS: 'true',
  ...(existsSync(`${folder}/gateway.yaml`) ? { HOLDFAST_CONFIG: `${folder}/gateway.yaml` } : {}),
};

const { scripts } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
  scripts: { readonly gateway?: string; readonly start?: string };
};

// An example that is a gateway with modules of its own brings that gateway.
const here = ['--workspace', `examples/${name}`];
const children: readonly ChildProcess[] = [
  npm('run', 'gateway', ...(scripts.gateway === undefined ? [] : here)),
  ...(scripts.start === undefined ? [] : [npm('start', ...here)]),
];

function npm(...args: readonly string[]): ChildProcess {
  return spawn('npm', args, { cwd: ROOT, env, stdio: 'inherit', detached: true });
}

/** Ends both with all processes that they have started. */
function end(code: number): void {
  for (const { pid, exitCode, signalCode } of children) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGTERM');
  }
  process.exitCode ??= code;
}

for (const child of children) child.on('exit', (code) => end(code ?? 0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(0));
