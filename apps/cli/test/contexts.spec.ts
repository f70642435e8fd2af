import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeGateway } from './fake-gateway.js';
import { Running } from './test-io.js';

const API_KEY = 'an-api-key-of-tests';
const ADMIN_KEY = 'an-admin-key-of-tests';
const TOKEN = 'header.payload.signature';

let gateway: FakeGateway;
let home: string;
beforeEach(async () => {
  gateway = await FakeGateway.start();
  home = mkdtempSync(join(tmpdir(), 'holdfast-contexts-'));
});
afterEach(async () => {
  rmSync(home, { recursive: true });
  await gateway.stop();
});

function file(name: string, content: string): string {
  const path = join(home, name);
  writeFileSync(path, content);
  return path;
}

async function holdfast(args: string[], env: NodeJS.ProcessEnv = {}, exitCode = 0): Promise<Running> {
  const sut = new Running(args, { env: { HOME: home, ...env } });
  expect(await sut.exitCode, sut.stderr).toBe(exitCode);
  for (const secret of [API_KEY, ADMIN_KEY, TOKEN]) expect(sut.stdout + sut.stderr).not.toContain(secret);
  return sut;
}

async function add(name: string, ...more: string[]): Promise<void> {
  await holdfast(['context', 'add', name, '--url', gateway.url, ...more]);
}

const contextsFile = (): string => join(home, '.config', 'holdfast', 'contexts.json');

describe('a context', () => {
  it('is stored with its secrets in a file that only its owner can read', async () => {
    await add('prod', '--api-key-file', file('key', `${API_KEY}\n`), '--token-file', file('token', TOKEN));
    expect(statSync(contextsFile()).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, '.config', 'holdfast')).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(contextsFile(), 'utf8'))).toEqual({
      current: 'prod',
      contexts: { prod: { url: gateway.url, apiKey: API_KEY, token: TOKEN } },
    });
  });

  it('keeps the file private when it is written again', async () => {
    await add('prod');
    await add('staging', '--api-key-file', file('key', API_KEY));
    expect(statSync(contextsFile()).mode & 0o777).toBe(0o600);
  });

  it('is used by the commands, with its URL and its secrets', async () => {
    await add('prod', '--token-file', file('token', TOKEN));
    await holdfast(['publish', 'room', '1']);
    expect(gateway.latest.token).toBe(TOKEN);
    await add('backend', '--api-key-file', file('key', API_KEY));
    await holdfast(['publish', 'room', '1']);
    expect(gateway.httpRequests.at(-1)).toMatchObject({
      url: '/api/publish',
      headers: { authorization: `Bearer ${API_KEY}` },
    });
  });

  it('is chosen by use, by a variable, or by an option', async () => {
    const other = await FakeGateway.start();
    try {
      await add('one');
      await holdfast(['context', 'add', 'two', '--url', other.url]);
      const counts = (): number[] => [gateway, other].map(({ requests }) => requests.length);
      await holdfast(['publish', 'room', '1']);
      expect(counts()).toEqual([0, 1]);
      await holdfast(['context', 'use', 'one']);
      await holdfast(['publish', 'room', '1']);
      expect(counts()).toEqual([1, 1]);
      await holdfast(['publish', 'room', '1'], { HOLDFAST_CLI_CONTEXT: 'two' });
      await holdfast(['--context', 'two', 'publish', 'room', '1'], { HOLDFAST_CLI_CONTEXT: 'one' });
      expect(counts()).toEqual([1, 3]);
    } finally {
      await other.stop();
    }
  });

  it.each([
    ['--url', (url: string) => ({ args: ['--url', url], env: {} })],
    ['HOLDFAST_URL', (url: string) => ({ args: [], env: { HOLDFAST_URL: url } })],
  ])('gives none of its secrets to another gateway that %s names', async (_, elsewhere) => {
    await add('prod', '--token-file', file('token', TOKEN), '--api-key-file', file('key', API_KEY));
    const other = await FakeGateway.start();
    try {
      const { args, env } = elsewhere(other.url);
      await holdfast(['publish', 'room', '1', ...args], env);
      expect(other.latest.token).toBeUndefined();
      expect(other.httpRequests).toEqual([]);
      const { stderr } = await holdfast(['--context', 'prod', 'publish', 'room', '1', ...args], env, 2);
      expect(stderr).toContain('expected either --context or the URL');
    } finally {
      await other.stop();
    }
  });

  it('gives its admin key to no other management port', async () => {
    const admin = ['--admin-url', gateway.apiUrl, '--admin-key-file', file('key', ADMIN_KEY)];
    await add('prod', ...admin);
    gateway.httpAnswer = { status: 200, body: '{"connections":[]}' };
    await holdfast(['connections']);
    expect(gateway.httpRequests[0]?.headers.authorization).toBe(`Bearer ${ADMIN_KEY}`);
    const { stderr } = await holdfast(['connections', '--admin-url', gateway.apiUrl], {}, 2);
    expect(stderr).toContain('this requires a key of the admin API');
    expect(gateway.httpRequests).toHaveLength(1);
  });

  it('yields to variables that are set', async () => {
    await add('prod', '--token-file', file('token', TOKEN));
    await holdfast(['publish', 'room', '1'], { HOLDFAST_CLI_TOKEN: 'another' });
    expect(gateway.latest.token).toBe('another');
  });

  it('can be listed without its secrets, and removed', async () => {
    await add('prod', '--api-key-file', file('key', API_KEY));
    await holdfast(['context', 'add', 'local', '--url', 'ws://localhost:1/ws?access_token=hidden']);
    expect((await holdfast(['context', 'list'])).lines).toEqual([
      `   prod  ${gateway.url}  apiKey`,
      '*  local  ws://localhost:1/ws',
    ]);
    expect((await holdfast(['context', 'list', '--json'])).json).toEqual([
      { context: 'prod', url: gateway.url, has: ['apiKey'], current: false },
      { context: 'local', url: 'ws://localhost:1/ws', has: [], current: true },
    ]);
    await holdfast(['context', 'remove', 'local']);
    expect((await holdfast(['context', 'list', '--json'])).json).toMatchObject([{ context: 'prod', current: false }]);
  });

  it('that does not exist is an error that names those that do', async () => {
    await add('prod');
    for (const args of [
      ['context', 'use', 'x'],
      ['context', 'remove', 'x'],
      ['--context', 'x', 'tail', 'room'],
    ]) {
      expect((await holdfast(args, {}, 2)).stderr).toContain('there is no context x: there are prod');
    }
  });

  it('in a file that is not valid is an error without the content', async () => {
    const path = file('contexts', `{"contexts":{"prod":{"apiKey":"${API_KEY}"}}}`);
    const { stderr } = await holdfast(['context', 'list'], { HOLDFAST_CLI_CONTEXTS: path }, 2);
    expect(stderr).toContain(`the contexts in ${path} are not valid`);
  });
});

describe('HOLDFAST_URL', () => {
  it.each([
    ['of the WebSocket', () => gateway.url],
    ['of the HTTP API', () => gateway.apiUrl],
  ])('may be the URL %s, for clients and for backends', async (_, url) => {
    await holdfast(['publish', 'room', '1'], { HOLDFAST_URL: url() });
    expect(gateway.requestsOf('publish')).toHaveLength(1);
    await holdfast(['publish', 'room', '1'], { HOLDFAST_URL: url(), HOLDFAST_CLI_API_KEY: API_KEY });
    expect(gateway.httpRequests).toMatchObject([{ url: '/api/publish' }]);
  });

  it('is reported by name if it is not a URL', async () => {
    const { stderr } = await holdfast(['tail', 'room'], { HOLDFAST_URL: 'x' }, 2);
    expect(stderr).toContain('HOLDFAST_URL: expected a URL such as');
  });
});
