import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EPOCH, FakeGateway } from './fake-gateway.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { Running, type RunOptions } from './test-io.js';

let gateway: FakeGateway;
let running: Running[];
beforeEach(async () => {
  gateway = await FakeGateway.start();
  running = [];
});
afterEach(async () => {
  running.forEach((sut) => sut.interrupt());
  await Promise.all(running.map(({ exitCode }) => exitCode));
  await gateway.stop();
});

function tail(args: string[], options: RunOptions = {}): Running {
  const sut = new Running(['tail', 'room', '--url', gateway.url, ...args], options);
  running.push(sut);
  return sut;
}

/** A tail that is subscribed. */
async function following(args: string[], options: RunOptions = {}): Promise<Running> {
  const sut = tail(args, options);
  await vi.waitFor(() => expect(sut.stderr).toContain('following room'));
  return sut;
}

describe('holdfast tail', () => {
  it('prints a line per message: time, sender and data', async () => {
    const sut = await following([]);
    gateway.publish('room', { text: 'hello' }, { client: 'c1', user: 'alice' });
    gateway.publish('room', 'hi', { client: '0123456789abcdef' });
    gateway.publish('room', 3);
    await vi.waitFor(() => expect(sut.lines).toHaveLength(3));
    expect(sut.lines[0]).toMatch(/^2026-01-\d\d \d\d:\d\d:01 {2}alice {2}\{"text":"hello"\}$/);
    expect(sut.lines[1]).toMatch(/ {2}\(anonymous 01234567\) {2}"hi"$/);
    expect(sut.lines[2]).toMatch(/ {2}\(api\) {2}3$/);
    expect(sut.stderr).toContain('connected to pod-1');
  });

  it('prints JSON lines with the position', async () => {
    const sut = await following(['--json']);
    gateway.publish('room', { text: 'hello' }, { client: 'c1', user: 'alice' });
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    expect(sut.json).toEqual([
      {
        event: 'message',
        channel: 'room',
        epoch: EPOCH,
        offset: 1,
        data: { text: 'hello' },
        time: Date.UTC(2026, 0, 31, 12) + 1000,
        sender: { client: 'c1', user: 'alice' },
      },
    ]);
  });

  it('begins with the last messages', async () => {
    await following([]);
    for (const data of ['a', 'b', 'c']) gateway.publish('room', data);
    const sut = await following(['--json', '--last', '2']);
    await vi.waitFor(() => expect(sut.json).toMatchObject([{ data: 'b' }, { data: 'c' }]));
    expect(gateway.requestsOf('subscribe').at(-1)).toMatchObject({ last: 2 });
  });

  it('continues after a position', async () => {
    await following([]);
    for (const data of ['a', 'b', 'c']) gateway.publish('room', data);
    const sut = tail(['--json', '--since', `${EPOCH}:1`]);
    await vi.waitFor(() => expect(sut.json).toMatchObject([{ data: 'b' }, { data: 'c' }]));
    expect(sut.stderr).toContain('resumed room, 2 missed');
  });

  it('resumes after the connection broke: nothing is missing or duplicated', async () => {
    const sut = await following(['--json']);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    gateway.latest.drop();
    gateway.publish('room', 'b', undefined, false);
    await vi.waitFor(() => expect(sut.stderr).toContain('resumed room, 1 missed'));
    gateway.publish('room', 'c');
    await vi.waitFor(() => expect(sut.json).toMatchObject([{ data: 'a' }, { data: 'b' }, { data: 'c' }]));
    expect(gateway.requestsOf('subscribe').at(-1)).toMatchObject({ since: { epoch: EPOCH, offset: 1 } });
    expect(sut.stderr).toMatch(/reconnecting: .*\nholdfast: connected to pod-2\n/);
  });

  it('moves to another gateway when asked to, and reports it', async () => {
    const sut = await following(['--json']);
    gateway.latest.send({ event: 'reconnect', data: { within: 1_000, reason: 'draining' } });
    await vi.waitFor(() => expect(sut.stderr).toContain('moved to pod-2'));
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(sut.json).toMatchObject([{ data: 'a' }]));
    expect(sut.stderr).not.toContain('reconnecting');
  });

  it.each([[[]], [['--json']]])('reports a gap from the gateway (%j)', async (args) => {
    const sut = await following(args);
    gateway.latest.send({ event: 'gap', data: { channel: 'room', epoch: 'epoch-2', offset: 5 } });
    await vi.waitFor(() => expect(sut.stderr).toContain('gap! Messages may be lost, continuing after epoch-2:5'));
    const inJson = { event: 'gap', channel: 'room', epoch: 'epoch-2', offset: 5, reason: 'gap' };
    expect(sut.json).toEqual(args.length === 0 ? [] : [inJson]);
  });

  it('reports a gap if the history does not reach back', async () => {
    const sut = await following(['--json']);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    gateway.oldest = 3;
    gateway.publish('room', 'b', undefined, false);
    gateway.latest.drop();
    await vi.waitFor(
      () => expect(sut.stderr).toContain(`gap! Messages may be lost, continuing after ${EPOCH}:2`),
      5_000,
    );
    expect(sut.json.at(-1)).toMatchObject({ event: 'gap', offset: 2, reason: 'not_recovered' });
  });

  it('prints members, joins and leaves', async () => {
    gateway.script = (request, connection) => {
      if (request.event !== 'subscribe') return false;
      const members = [{ client: 'c1', user: 'alice' }];
      connection.reply(request, { channel: 'room', epoch: EPOCH, offset: 0, replay: 0, members, count: 4 });
      return true;
    };
    const sut = await following(['--presence']);
    expect(gateway.requestsOf('subscribe')).toMatchObject([{ presence: true }]);
    const member = { client: 'c2', user: 'bob' };
    gateway.latest.send({ event: 'join', data: { channel: 'room', member } });
    gateway.latest.send({ event: 'leave', data: { channel: 'room', member } });
    await vi.waitFor(() => expect(sut.lines).toEqual(['* 4 here: alice, …', '* bob joined', '* bob left']));
  });

  it('ends with 0 at Ctrl-C, and says how to continue', async () => {
    const sut = await following([]);
    gateway.publish('room', 'a');
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    sut.interrupt();
    expect(await sut.exitCode).toBe(0);
    expect(sut.stderr).toContain(`--since ${EPOCH}:1 continues from here`);
  });

  it('ends with 0 after --count messages, and prints no more', async () => {
    const sut = await following(['--json', '--count', '2']);
    for (const data of ['a', 'b', 'c']) gateway.publish('room', data);
    expect(await sut.exitCode).toBe(0);
    expect(sut.json).toMatchObject([{ data: 'a' }, { data: 'b' }]);
    expect(sut.stderr).toContain(`--since ${EPOCH}:2 continues from here`);
  });

  it('ends quietly when its output has no reader any more', async () => {
    const sut = await following([], { outputError: 'EPIPE' });
    const before = sut.stderr;
    gateway.publish('room', 'a');
    expect(await sut.exitCode).toBe(0);
    expect(sut.stderr).toBe(before);
  });

  it('ends with 1 when its output cannot be written', async () => {
    const sut = await following([], { outputError: 'ENOSPC' });
    gateway.publish('room', 'a');
    expect(await sut.exitCode).toBe(1);
    expect(sut.stderr).toContain('cannot write to stdout (ENOSPC)');
  });

  it('ends with 1 if the subscription is refused', async () => {
    gateway.script = (request, connection) => {
      connection.refuse(request, 'forbidden', 'not permitted');
      return true;
    };
    const sut = tail([]);
    expect(await sut.exitCode).toBe(1);
    expect(sut.stderr).toContain('cannot follow room: not permitted (forbidden): use a token that permits it');
  });

  it('ends with 1 when the gateway ends the subscription', async () => {
    const sut = await following([]);
    gateway.latest.send({ event: 'unsubscribed', data: { channel: 'room', code: 'kicked' } });
    expect(await sut.exitCode).toBe(1);
    expect(sut.stderr).toContain('the gateway ended the subscription (kicked)');
  });

  it('ends with 1 when the gateway ends the connection for good', async () => {
    const sut = await following([]);
    gateway.latest.close(4009, 'disconnected by the API');
    expect(await sut.exitCode).toBe(1);
    expect(sut.stderr).toContain('disconnected by the API (4009)');
  });

  it('waits for a gateway that cannot be reached, and says why', async () => {
    const port = await freePort();
    const url = `ws://127.0.0.1:${port}/ws`;
    const sut = tail(['--url', url]);
    await vi.waitFor(() =>
      expect(sut.stderr).toContain(`cannot reach ${url} (connect ECONNREFUSED 127.0.0.1:${port})`),
    );
    sut.interrupt();
    expect(await sut.exitCode).toBe(0);
    expect(sut.lines).toEqual([]);
  });

  it('prevents received data from controlling the terminal', async () => {
    const sut = await following([]);
    const evil = '\u001b]0;title\u0007\u009b31m\u202e';
    gateway.publish('room', evil, { client: 'c1', user: `eve${evil}\n` });
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    expect(sut.stdout).toMatch(/^[\u0020-\u007e]+\n$/);
    expect(JSON.parse(sut.stdout.slice(sut.stdout.lastIndexOf('  ')))).toBe(evil);
  });

  it.each([
    ['colours on a terminal', { isTerminal: true }, true],
    ['no colours in a pipe', {}, false],
    ['no colours if NO_COLOR is set', { isTerminal: true, env: { NO_COLOR: '1' } }, false],
  ])('prints %s', async (_name, options, expected) => {
    const sut = await following([], options);
    gateway.publish('room', 'a', { client: 'c1', user: 'alice' });
    await vi.waitFor(() => expect(sut.lines).toHaveLength(1));
    expect(sut.stdout.includes('\u001b[')).toBe(expected);
    expect(sut.stderr.includes('\u001b[')).toBe(expected);
  });

  it.each([
    ['--last', '0'],
    ['--last', '1001'],
    ['--last', 'many'],
    ['--count', '0'],
    ['--since', 'epoch'],
    ['--since', 'epoch:-1'],
    ['--last', '1', '--since', 'epoch:1'],
    ['--url', 'localhost:8000'],
  ])('exits with 2 for %s %s', async (...args) => {
    const sut = tail(args);
    expect(await sut.exitCode).toBe(2);
    expect(sut.stderr).toMatch(/^holdfast: .*\n$/);
  });
});

describe('holdfast tail with a token file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
  const path = join(folder, 'token');
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads it again before it reconnects', async () => {
    writeFileSync(path, 'first.a.b');
    await following(['--token-file', path]);
    expect(gateway.latest.token).toBe('first.a.b');
    writeFileSync(path, 'second.a.b');
    gateway.latest.drop();
    await vi.waitFor(() => expect(gateway.latest.token).toBe('second.a.b'));
  });

  it('ends with 1 if its first token is refused', async () => {
    writeFileSync(path, 'bad.a.b');
    gateway.closeWith = { code: 4001, reason: 'token missing, invalid or expired' };
    const sut = tail(['--token-file', path]);
    expect(await sut.exitCode).toBe(1);
    expect(sut.stderr).toMatch(/^holdfast: \S+ refused the connection: token missing, invalid or expired .*\n$/);
    expect(sut.stderr).not.toContain('bad.a.b');
  });
});
