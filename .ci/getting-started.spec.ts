import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../apps/chat/test/support/chromium.js';
import { startGatewayProcess } from '../apps/gateway/test/support/gateway-process.js';
import { ChatPage, expectChat, expectReconnect } from '../examples/react/test/support/chat-page.js';
import { freePort } from '../libs/broadcast/test/support/free-port.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/getting-started.md'), 'utf8');

/** What the page says: commands, and files that follow a paragraph which begins with their path. */
const files: (readonly [path: string, text: string])[] = [];
const commands: string[] = [];
for (const [, path, indent = '', language, text = ''] of PAGE.matchAll(
  /(?:^`([^`\n]+)`[^\n]*\n\n)?^( *)```(\w+)\n(.*?)\n\2```$/gms,
)) {
  if (path !== undefined) files.push([path, `${text}\n`]);
  else if (language === 'sh') commands.push(...text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').split(/(?<!\\)\n/));
}

/** The versions that this repository is tested with. The page installs the latest, which may change any day. */
const { devDependencies: PINNED } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};

function pinned(install: string): string {
  return install
    .split(' ')
    .map((word) => (PINNED[word] === undefined ? word : `${word}@${PINNED[word]}`))
    .join(' ');
}

interface Started {
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** Starts a command of the page. It is stopped when the test ends. */
function start(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn('bash', ['-euc', command], {
    cwd,
    env: { ...process.env, npm_config_prefer_offline: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, because npx and bash start others.
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    if (child.exitCode !== null || child.pid === undefined) return;
    process.kill(-child.pid, 'SIGKILL');
    await exited;
  });
  return { output: () => output, exited };
}

/** Runs a command of the page to its end. */
async function run(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { exited, output } = start(command, cwd, env);
  const code = await exited;
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output()}`);
  return output();
}

describe('docs/getting-started.md', () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-started-'));
  // Takes minutes if Debian's Chromium has to be installed first.
  beforeAll(async () => {
    browser = await launchChromium();
  }, 600_000);
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  it('has the files of examples/react', () => {
    expect(files.map(([path]) => path)).toEqual([
      'index.html',
      'vite.config.ts',
      'tsconfig.json',
      'src/main.tsx',
      'src/chat.tsx',
    ]);
    for (const [path, text] of files) expect(readFileSync(join(ROOT, 'examples/react', path), 'utf8')).toBe(text);
  });

  it('leads from the packed packages to two chatting windows', async () => {
    // What differs from the page: the gateway is built already, ports are free ones, and versions are pinned.
    const [gatewayPort, pagePort] = [await freePort(), await freePort()];
    const app = join(folder, 'my-chat');
    const packages = join(folder, 'holdfast/packages');
    const env = {
      HOLDFAST_PORT: String(gatewayPort),
      HOLDFAST_DEMO: 'false',
      HOLDFAST_ANONYMOUS: '',
      HOLDFAST_JWT_SECRET: '',
      HOLDFAST_API_KEYS: '',
    };
    const viteEnv = { VITE_GATEWAY: `ws://localhost:${gatewayPort}/ws` };
    let gateway: Awaited<ReturnType<typeof startGatewayProcess>> | undefined;
    const startGateway = async (): Promise<void> => void (gateway = await startGatewayProcess(env));
    for (const command of commands) {
      const [, key] = /API key of this run: ([\w-]+)/.exec(gateway?.output() ?? '') ?? [];
      if (command === 'npm start') await startGateway();
      else if (command === 'npm run pack -- packages') await run(`npm run pack -- ${packages}`, ROOT);
      else if (command === 'mkdir my-chat') mkdirSync(app);
      else if (command.startsWith('npm install')) await run(pinned(command), app);
      else if (command === 'npx tsc') {
        for (const [path, text] of files) {
          mkdirSync(dirname(join(app, path)), { recursive: true });
          writeFileSync(join(app, path), text);
        }
        expect(await run(command, app)).toBe('');
      } else if (command === 'npx vite --port 5173') {
        const { output } = start(command.replace('5173', `${pagePort} --strictPort`), app, viteEnv);
        await vi.waitFor(() => expect(output()).toContain('ready in'), { timeout: 60_000 });
        const windows = await expectChat(browser, `http://localhost:${pagePort}`);
        await gateway?.stop('SIGKILL');
        await expectReconnect(windows, startGateway);
      } else if (command.startsWith('curl')) {
        expect(key).toBeDefined();
        await run(command.replace('8000', String(gatewayPort)).replace('curl', 'curl --fail'), app, { KEY: key });
        const window = await ChatPage.open(browser, `http://localhost:${pagePort}`, 'Eve');
        await window.shows(/connected/, 'Ann: Are you there?', 'deploy-bot: Hello from a backend');
      } else if (command !== 'cd my-chat') await run(command, app);
    }
    expect(commands.length).toBeGreaterThan(8);
  });
});
