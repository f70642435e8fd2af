import { describe, expect, it, vi } from 'vitest';
import { API_KEY, JWT_SECRET, startGateway, type TestGateway } from '../../gateway/test/support/gateway.js';
import { connectAs } from '../../gateway/test/support/connect-as.js';
import { Running } from './test-io.js';

const ADMIN_KEY = 'an-admin-key-of-the-tests';
const ON = { HOLDFAST_ADMIN_KEYS: ADMIN_KEY };

function environment({ url, managementUrl }: TestGateway): NodeJS.ProcessEnv {
  return {
    HOLDFAST_URL: url,
    HOLDFAST_CLI_API_KEY: API_KEY,
    HOLDFAST_CLI_ADMIN_URL: managementUrl,
    HOLDFAST_CLI_ADMIN_KEY: ADMIN_KEY,
  };
}

async function holdfast(gateway: TestGateway, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const sut = new Running(args, { env: { ...environment(gateway), ...env } });
  expect(await sut.exitCode, sut.stderr).toBe(0);
  return sut;
}

async function failure(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const sut = new Running(args, { env });
  expect(await sut.exitCode).not.toBe(0);
  expect(sut.stdout).toBe('');
  return sut.stderr;
}

function data(sut: Running): unknown[] {
  return sut.json.map((line) => (line as { data: unknown }).data);
}

describe('holdfast history', () => {
  it('prints the recent messages in order, with an API key or a token', async () => {
    const gateway = await startGateway();
    const client = await connectAs(gateway, { sub: 'ann' });
    for (const text of ['one', 'two', 'three']) await client.publish('chat:a', text);
    const args = ['history', 'chat:a', '--json'];
    const overHttp = await holdfast(gateway, [...args, '--last', '2']);
    expect(data(overHttp)).toEqual(['two', 'three']);
    expect(overHttp.json[0]).toMatchObject({ event: 'message', channel: 'chat:a', offset: 2, sender: { user: 'ann' } });
    expect(data(await holdfast(gateway, args, { HOLDFAST_CLI_API_KEY: '' }))).toEqual(['one', 'two', 'three']);
    const { epoch } = overHttp.json[0] as { epoch: string };
    expect(data(await holdfast(gateway, [...args, '--since', `${epoch}:1`]))).toEqual(['two', 'three']);
    expect((await holdfast(gateway, ['history', 'chat:a', '-n', '1'])).stdout).toMatch(/ ann {2}"three"\n$/);
  });
});

describe('holdfast presence', () => {
  it('prints the members, with an API key or a token', async () => {
    const gateway = await startGateway();
    await (await connectAs(gateway, { sub: 'ann', info: { name: 'Ann' } })).subscribe('chat:a');
    for (const key of [API_KEY, '']) {
      const { json } = await holdfast(gateway, ['presence', 'chat:a', '--json'], { HOLDFAST_CLI_API_KEY: key });
      expect(json).toEqual([{ client: expect.any(String), user: 'ann', info: { name: 'Ann' } }]);
    }
    expect((await holdfast(gateway, ['presence', 'chat:a'])).stdout).toMatch(/^\S+ {2}ann {2}\{"name":"Ann"\}\n$/);
  });
});

describe('holdfast channels', () => {
  it('lists the channels of all pods, or those of one pod with numbers', async () => {
    const gateway = await startGateway({}, ON);
    const client = await gateway.connect();
    for (const channel of ['chat:a', 'chat:b', 'news:a']) await client.subscribe(channel);
    expect((await holdfast(gateway, ['channels'])).lines).toEqual(['chat:a', 'chat:b', 'news:a']);
    expect((await holdfast(gateway, ['channels', '--prefix', 'chat:', '--json'])).json).toEqual([
      { channel: 'chat:a' },
      { channel: 'chat:b' },
    ]);
    const ofPod = await holdfast(gateway, ['channels', '--pod', '--prefix', 'news:', '--json']);
    expect(ofPod.json).toMatchObject([{ channel: 'news:a', subscribers: 1, history: 0 }]);
    expect((await holdfast(gateway, ['channels', '--pod'])).lines[0]).toMatch(/^chat:a {2}1 subscribers {2}0\/s/);
  });
});

describe('holdfast connections', () => {
  it('lists the connections of a user on all pods, or those of one pod', async () => {
    const gateway = await startGateway({}, ON);
    const ann = await connectAs(gateway, { sub: 'ann' });
    await ann.subscribe('chat:a');
    await connectAs(gateway, { sub: 'bob' });
    const ofUser = await holdfast(gateway, ['connections', 'ann', '--json']);
    expect(ofUser.json).toEqual([{ client: expect.any(String), node: 'test-node', since: expect.any(Number) }]);
    const users = async (...args: string[]) =>
      (await holdfast(gateway, ['connections', '--json', ...args])).json.map((line) => (line as { user: string }).user);
    expect(new Set(await users())).toEqual(new Set(['ann', 'bob']));
    expect(await users('--channel', 'chat:a')).toEqual(['ann']);
    expect(await users('bob', '--pod')).toEqual(['bob']);
    expect((await holdfast(gateway, ['connections', '--channel', 'chat:a'])).stdout).toContain(' ann ');
  });
});

describe('holdfast disconnect, block and unblock', () => {
  it('do that to a user', async () => {
    const gateway = await startGateway();
    const first = await connectAs(gateway, { sub: 'ann' });
    expect((await holdfast(gateway, ['disconnect', 'ann'])).stdout).toBe('disconnected ann\n');
    expect((await first.closed).code).toBe(4009);
    const second = await connectAs(gateway, { sub: 'ann' });
    const blocked = await holdfast(gateway, ['block', 'ann', '--for', '1h', '--json']);
    expect(blocked.json).toEqual([{ user: 'ann', until: expect.any(Number) }]);
    expect((await second.closed).code).toBe(4009);
    await expect(connectAs(gateway, { sub: 'ann' })).rejects.toThrow('closed before');
    await holdfast(gateway, ['unblock', 'ann']);
    await vi.waitFor(() => connectAs(gateway, { sub: 'ann' }));
  });

  it.each([
    [['block', 'ann'], 'use --for or --until'],
    [['block', 'ann', '--until', 'tomorrow'], 'Expected a time such as 2030-01-31T12:00:00Z'],
    [['disconnect', 'ann'], 'this requires an API key: set HOLDFAST_CLI_API_KEY or --api-key-file'],
  ])('%j is refused: %s', async (args, message) => {
    expect(await failure(args, {})).toContain(message);
  });
});

describe('a command that asks a pod', () => {
  it('says how to switch the admin API on if it is off, and which key is wrong', async () => {
    const off = await startGateway();
    expect(await failure(['connections'], environment(off))).toContain('set HOLDFAST_ADMIN_KEYS in the gateway');
    const on = await startGateway({}, ON);
    const wrong = { ...environment(on), HOLDFAST_CLI_ADMIN_KEY: JWT_SECRET };
    const message = await failure(['connections'], wrong);
    expect(message).toContain('check HOLDFAST_CLI_ADMIN_KEY or --admin-key-file');
    expect(message).not.toContain(JWT_SECRET);
  });
});
