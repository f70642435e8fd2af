import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { launchChromium } from '../apps/chat/test/support/chromium.js';
import { startGatewayProcess } from '../apps/gateway/test/support/gateway-process.js';
import { secretKey, signToken } from '../apps/gateway/test/support/tokens.js';
import { ChatPage, expectChat, expectReconnect } from '../examples/react/test/support/chat-page.js';
import { freePort } from '../libs/broadcast/test/support/free-port.js';
import { Holdfast } from '../libs/client/src/index.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/getting-started.md'), 'utf8');

interface Contents {
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly commands: readonly string[];
}

/** What a part of the page says: commands, and files that follow a paragraph which begins with their path. */
function contentsOf(part: string): Contents {
  const files: (readonly [path: string, text: string])[] = [];
  const commands: string[] = [];
  for (const [, path, indent = '', language, text = ''] of part.matchAll(
    /(?:^`([^`\n]+)`[^\n]*\n\n)?^( *)```(\w+)\n(.*?)\n\2```$/gms,
  )) {
    if (path !== undefined) files.push([path, `${text}\n`]);
    else if (language === 'sh') {
      commands.push(...text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').split(/(?<!\\)\n/));
    }
  }
  return { files, commands };
}

const [CHAT = '', OWN = ''] = PAGE.split(/^(?=## 5\. )/m);

/** The versions that this repository is tested with. The page installs the latest, which may change any day. */
const PINNED: Readonly<Record<string, string>> = Object.assign(
  {},
  ...['package.json', 'apps/gateway/package.json'].flatMap((path) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as {
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    return [devDependencies, dependencies];
  }),
);

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

// It packs, installs and builds, which takes minutes on a busy machine.
describe('docs/getting-started.md', { timeout: 600_000 }, () => {
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
    const { files } = contentsOf(CHAT);
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
    const { files, commands } = contentsOf(CHAT);
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

  it('leads from a backend with users to notifications that only one user sees', async () => {
    const { files, commands } = contentsOf(OWN);
    const ports = { 8000: await freePort(), 3000: await freePort(), 5173: await freePort() };
    const withPorts = (text: string): string =>
      text.replaceAll(/\b(8000|3000|5173)\b/g, (port) => String(ports[Number(port) as keyof typeof ports]));
    const app = join(folder, 'my-page');
    const packages = join(folder, 'holdfast/packages');
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const shows = (state: string, ...items: string[]): Promise<void> =>
      vi.waitFor(
        async () => {
          expect(await page.getByRole('status').innerText()).toBe(state);
          expect(await page.getByRole('listitem').allInnerTexts()).toEqual(items);
        },
        { timeout: 30_000 },
      );
    if (!existsSync(packages)) await run(`npm run pack -- ${packages}`, ROOT);
    let secrets: NodeJS.ProcessEnv = {};
    for (const command of commands) {
      if (command === 'mkdir my-page') mkdirSync(app);
      else if (command === 'cd my-page') continue;
      else if (command.startsWith('npm install')) await run(pinned(command), app);
      else if (command.startsWith('env $(cat ../my-page/secrets.env) npm start')) {
        for (const [path, text] of files) writeFileSync(join(app, path), withPorts(text));
        secrets = parseEnv(readFileSync(join(app, 'secrets.env'), 'utf8'));
        await startGatewayProcess({
          HOLDFAST_PORT: String(ports[8000]),
          HOLDFAST_DEMO: 'false',
          HOLDFAST_ANONYMOUS: '',
          ...secrets,
        });
      } else if (command.endsWith('backend.js')) start(command, app);
      else if (command.startsWith('npx vite')) {
        const { output } = start(`${withPorts(command)} --strictPort`, app);
        await vi.waitFor(() => expect(output()).toContain('ready in'), { timeout: 60_000 });
        await page.goto(`http://localhost:${ports[5173]}`);
        await shows('connected');
      } else if (command.endsWith('notify.js')) {
        const first = await run(command, app);
        expect(first).toContain('200 {');
        await shows('connected', 'Your order has shipped');
        // Published again, as the page says: it has the same position.
        expect(await run(command, app)).toBe(first);
        await shows('connected', 'Your order has shipped');
      } else await run(command, app);
    }
    expect(files.map(([path]) => path)).toEqual(['backend.js', 'vite.config.js', 'index.html', 'main.js', 'notify.js']);
    expect(commands.length).toBeGreaterThan(9);

    const url = `ws://localhost:${ports[8000]}/ws`;
    const key = secretKey(secrets['HOLDFAST_JWT_SECRET'] ?? '');
    const handlers = { message: () => {}, gap: () => {} };
    const bob = new Holdfast(url, { token: () => signToken({ sub: 'bob' }, { key }) });
    onTestFinished(() => bob.close());
    bob.on('error', () => {});
    await expect(bob.subscribe('@ann', handlers).ready, 'Bob').rejects.toMatchObject({ code: 'forbidden' });
    const nobody = new Holdfast(url);
    onTestFinished(() => nobody.close());
    nobody.on('state', () => {});
    await expect(nobody.subscribe('@me', handlers).ready, 'nobody').rejects.toThrow(/the client is closed: token/);
  });
});
