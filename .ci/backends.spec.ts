import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { API_KEY, JWT_SECRET, startGateway } from '../apps/gateway/test/support/gateway.js';
import { systemProgram } from '../apps/gateway/test/support/system-package.js';
import { EXAMPLES } from './doc-examples.js';

interface Language {
  readonly name: string;
  /** Of the block on the page. */
  readonly block: string;
  readonly file: string;
  readonly command: readonly [string, ...string[]];
  /** The Debian package that brings it, if npm test may install it. */
  readonly debian?: string;
  /** The program of that package that shows that it is installed, if it is not that of the command. */
  readonly needs?: string;
}

const LANGUAGES: readonly Language[] = [
  { name: 'Node', block: 'js', file: 'backend.mjs', command: [process.execPath, 'backend.mjs'] },
  { name: 'Python', block: 'python', file: 'backend.py', command: ['python3', 'backend.py'] },
  { name: 'Go', block: 'go', file: 'backend.go', command: ['go', 'run', 'backend.go'] },
  { name: 'PHP', block: 'php', file: 'backend.php', command: ['php', 'backend.php'], debian: 'php-cli' },
  { name: 'Ruby', block: 'ruby', file: 'backend.rb', command: ['ruby', 'backend.rb'], debian: 'ruby' },
  {
    name: 'Java',
    block: 'java',
    file: 'Backend.java',
    command: ['java', 'Backend.java'],
    debian: 'default-jdk-headless',
    // Without the compiler, java runs no source, and the tests of Kafka may have installed it so.
    needs: 'javac',
  },
  { name: 'C#', block: 'csharp', file: 'Program.cs', command: ['dotnet', 'run'] },
];

const PROJECT = `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net8.0</TargetFramework>
  <ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable><RollForward>Major</RollForward></PropertyGroup></Project>`;

function isInstalled({ command, needs = command[0] }: Language): boolean {
  return spawnSync('which', [needs]).status === 0;
}

describe('docs/backends.md', () => {
  it.for(LANGUAGES)('$name signs a token that the gateway accepts, and publishes', async (language, { skip }) => {
    const { block, file, command, debian } = language;
    if (debian !== undefined) systemProgram(`/usr/bin/${command[0]}`, [debian], () => isInstalled(language));
    else skip(!isInstalled(language), `${language.name} is not installed`);
    const examples = EXAMPLES.filter(({ page, language: written }) => page === 'docs/backends.md' && written === block);
    expect(examples).toHaveLength(1);
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-backend-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, file), examples[0]?.text ?? '');
    if (block === 'csharp') writeFileSync(join(folder, 'backend.csproj'), PROJECT);
    const gateway = await startGateway({ namespaceDefaults: { subscribe: 'granted', publish: 'granted' } });

    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        HOLDFAST_JWT_SECRET: JWT_SECRET,
        GATEWAY_API_KEY: API_KEY,
        HOLDFAST_URL: gateway.url,
      },
    });
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    expect([code, errors]).toEqual([0, '']);

    const client = await gateway.connect(`?access_token=${output.trim()}`);
    expect(client.welcome.user).toBe('ann');
    expect(client.welcome.expires).toBeLessThanOrEqual(600_000);
    await client.request('subscribe', { channel: 'chat:lobby', last: 10 });
    await vi.waitFor(() =>
      expect(client.of('message').map(({ data }) => data['data'])).toEqual([{ text: `Hello from ${language.name}` }]),
    );
    await client.request('publish', { channel: 'chat:lobby', data: 'granted by the token' });
  });
});
