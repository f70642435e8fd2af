import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { API_KEY, JWT_SECRET, startGateway } from '../../gateway/test/support/gateway.js';
import { Running } from './test-io.js';

/** Nothing is permitted without a token. */
const CLOSED = {
  namespaceDefaults: { subscribe: 'granted', publish: 'granted', presence: false, history: { size: 10 } },
};

async function mint(...args: string[]): Promise<string> {
  const sut = new Running(['token', ...args], { env: { HOLDFAST_JWT_SECRET: JWT_SECRET } });
  expect(await sut.exitCode, sut.stderr).toBe(0);
  return sut.stdout.trim();
}

describe('the commands and a gateway', () => {
  it('create a token, publish over both protocols and tail the messages', async () => {
    const { url, webSocketUrl } = await startGateway(CLOSED, { HOLDFAST_ANONYMOUS: 'false' });
    const token = await mint('--user', 'alice', '--channel', 'news:*', '--publish', 'news:*');
    const overWebSocket = new Running(['publish', 'news:all', '"one"', '--url', webSocketUrl], {
      env: { HOLDFAST_CLI_TOKEN: token },
    });
    expect(await overWebSocket.exitCode, overWebSocket.stderr).toBe(0);
    const overHttp = new Running(['publish', 'news:all', '"two"', '--url', url], {
      env: { HOLDFAST_CLI_API_KEY: API_KEY },
    });
    expect(await overHttp.exitCode, overHttp.stderr).toBe(0);

    const tail = new Running(['tail', 'news:all', '--last', '5', '--count', '2', '--json', '--url', webSocketUrl], {
      env: { HOLDFAST_CLI_TOKEN: token },
    });
    expect(await tail.exitCode, tail.stderr).toBe(0);
    const lines = tail.stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { data: unknown }).data)).toEqual(['one', 'two']);
  });

  it('tail with a subscription token, and are refused without one', async () => {
    const { url, webSocketUrl } = await startGateway(CLOSED, { HOLDFAST_ANONYMOUS: 'false' });
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const grant = join(folder, 'grant');
    writeFileSync(grant, await mint('--user', 'alice', '--subscription', 'news:all'));
    const env = { HOLDFAST_CLI_TOKEN: await mint('--user', 'alice') };

    const refused = new Running(['tail', 'news:all', '--url', webSocketUrl], { env });
    expect(await refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('forbidden');

    const tail = new Running(
      ['tail', 'news:all', '--count', '1', '--url', webSocketUrl, '--subscription-token-file', grant],
      { env },
    );
    await vi.waitFor(() => expect(tail.stderr).toContain('following news:all'));
    const publish = new Running(['publish', 'news:all', '"hello"', '--url', url], {
      env: { HOLDFAST_CLI_API_KEY: API_KEY },
    });
    expect(await publish.exitCode, publish.stderr).toBe(0);
    expect(await tail.exitCode, tail.stderr).toBe(0);
    expect(tail.stdout).toContain('hello');
  });
});
