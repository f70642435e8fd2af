import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogRefusedError, LogUnavailableError } from '../../src/log/log-adapter.js';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { eventually } from '../../src/testing/eventually.js';
import { Certificate } from '../support/certificate.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { RabbitServer } from '../support/rabbitmq-server.js';

const STREAM = { 'x-queue-type': 'stream', 'x-max-age': '1800s', 'x-stream-max-segment-size-bytes': 16_777_216 };

let server: RabbitServer;
let certificate: Certificate;
let prefix = '';
let logs = 0;
const followers: LogFollower[] = [];

beforeAll(async () => {
  certificate = await Certificate.make();
  server = await RabbitServer.start(certificate);
});
afterAll(async () => {
  await server.close();
  await certificate.remove();
});
afterEach(async () => {
  await Promise.all(followers.splice(0).map(async ({ adapter }) => adapter.close()));
  if (prefix !== '') await server.deleteQueues(prefix);
  prefix = '';
});

/** The URL of a log of its own for each test. */
function log(parameters: Readonly<Record<string, string>> = {}, user = 'guest:guest'): string {
  if (prefix === '') prefix = `test${(logs += 1)}`;
  const query = new URLSearchParams({ prefix, partitions: '2', ...parameters }).toString();
  return `amqp://${user}@127.0.0.1:${server.port}/?${query}`;
}

function tls(parameters: Readonly<Record<string, string>>, user?: string): string {
  return log(parameters, user).replace('amqp:', 'amqps:').replace(`:${server.port}`, `:${server.tlsPort}`);
}

type Options = ConstructorParameters<typeof RabbitAdapter>[1];

function follow(url: string | (() => string), options?: Options): LogFollower {
  const follower = new LogFollower(new RabbitAdapter(typeof url === 'string' ? () => url : url, options));
  followers.push(follower);
  follower.adapter.start(follower);
  return follower;
}

/** Appends an entry, reads it, and reads it again. */
async function expectWorking(url: string): Promise<void> {
  const follower = follow(url);
  await follower.open();
  follower.tail('first');
  await follower.append('x');
  await follower.reads(['x']);
  expect(await follower.read('first', 10)).toEqual(['x']);
  await eventually(() => expect(follower.problem).toBeUndefined());
}

/** Why the log is not opened. */
async function refusal(url: string, options?: Options): Promise<{ error: Error; problem: string | undefined }> {
  const follower = follow(url, options);
  const error: unknown = await follower.adapter.open(AbortSignal.timeout(10_000)).catch((reason: unknown) => reason);
  if (!(error instanceof LogUnavailableError)) throw new Error('it was opened');
  expect(`${error.message} ${follower.problem}`).not.toMatch(/hunter2/);
  return { error, problem: follower.problem };
}

async function declare(queue: string, type: string, args: Readonly<Record<string, unknown>>): Promise<void> {
  const path = `queues/%2F/${prefix}.log.${queue}`;
  await server.manage('PUT', path, { durable: true, arguments: { 'x-queue-type': type, ...args } });
}

describe('a RabbitMQ URL', () => {
  it('works with a user that may use nothing but what begins with the prefix', async () => {
    const url = log({}, 'ann:hunter2');
    await server.putUser('ann', 'hunter2', `^${prefix}\\.`);
    await expectWorking(url);
  });

  it('works with another virtual host', async () => {
    await server.manage('PUT', 'vhosts/chat%2Fprod');
    await server.manage('PUT', 'permissions/chat%2Fprod/guest', { configure: '.*', write: '.*', read: '.*' });
    await expectWorking(log().replace('/?', '/chat%2Fprod?'));
    await expectWorking(log());
  });

  it('works with a list of nodes of which some do not run', async () => {
    await expectWorking(log().replace('127.0.0.1', '127.0.0.1:1,127.0.0.1'));
  });

  it.each<[string, (url: string) => string, string]>([
    ['a wrong password', (url) => url.replace('guest:guest', 'guest:hunter2'), 'refuses the credentials'],
    ['an unknown virtual host', (url) => url.replace('/?', '/other?'), 'refuses the virtual host'],
    [
      'a port that expects TLS',
      (url) => url.replace(/:(\d+)\//, (_, port) => `:${Number(port) + 1}/`),
      'does not speak AMQP',
    ],
    ['a port where nothing listens', (url) => url.replace(/:\d+\//, ':1/'), 'ECONNREFUSED'],
  ])('with %s is refused with the reason', async (_, change, reason) => {
    const { error, problem } = await refusal(change(log()));
    expect(error.message).toContain(reason);
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+: /);
    expect(problem).toBe(error.message);
  });

  it('of a RabbitMQ that is too old is refused with its version', async () => {
    const proxy = await FaultyProxy.start(server.port);
    try {
      proxy.transform = (data) => Buffer.from(data.toString('latin1').replace('4.0.5', '3.9.8'), 'latin1');
      const { error } = await refusal(log().replace(`127.0.0.1:${server.port}`, proxy.address));
      expect(error).toBeInstanceOf(LogRefusedError);
      expect(error.message).toContain('RabbitMQ 3.13 or later is required, this is RabbitMQ 3.9.8');
    } finally {
      await proxy.close();
    }
  });

  it('continues with a new password when the former one is not accepted any more', async () => {
    let url = log({}, 'bob:hunter1');
    await server.putUser('bob', 'hunter1', '.*');
    const follower = follow(() => url);
    await follower.open();
    follower.tail('first');
    await follower.append('before');
    await server.putUser('bob', 'hunter2', '.*');
    const connections = (await eventually(async () => {
      const list = (await server.manage('GET', 'connections')) as { name: string; user: string }[];
      const own = list.filter(({ user }) => user === 'bob');
      expect(own).toHaveLength(2);
      return own;
    })) as { name: string }[];
    for (const { name } of connections) await server.manage('DELETE', `connections/${encodeURIComponent(name)}`);
    await eventually(() => expect(follower.problem).toContain('refuses the credentials'));
    await expect(follower.append('meanwhile')).rejects.toThrow(LogRefusedError);
    url = url.replace('hunter1', 'hunter2');
    await eventually(() => expect(follower.problem).toBeUndefined());
    await follower.open();
    await follower.append('after');
    await follower.reads(['before', 'after']);
  });
});

describe('TLS to RabbitMQ', () => {
  it('works if the certificate is trusted and has the name', async () => {
    await expectWorking(tls({ tlsCa: certificate.cert, tlsServerName: certificate.host }));
  });

  it('works with the user of a client certificate', async () => {
    await server.putUser('ann', undefined, '.*');
    const { cert, key } = certificate.issue('ann');
    const parameters = { tlsCa: certificate.cert, tlsServerName: certificate.host, tlsCert: cert, tlsKey: key };
    const url = tls({ ...parameters, auth: 'external' }).replace('guest:guest@', '');
    await expectWorking(url);
    await server.manage('DELETE', 'users/ann');
    const { error } = await refusal(url);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toContain('refuses the credentials');
  });

  it.each([
    ['is not trusted', (): object => ({ tlsServerName: certificate.host }), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['has another name', (): object => ({ tlsCa: certificate.cert }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses a certificate that %s', async (_, parameters, code) => {
    const { error } = await refusal(tls({ ...parameters() }));
    expect(error.message).toBe(`127.0.0.1:${server.tlsPort}: ${code}`);
  });
});

describe('a log on RabbitMQ', () => {
  it.each([
    ['configure', { configure: '^$' }],
    ['write', { write: '^$' }],
    ['read', { read: '^$' }],
  ])('is refused to a user without the right to %s', async (right, without) => {
    const url = log({}, 'eve:hunter2');
    await expectWorking(log());
    await server.putUser('eve', 'hunter2', '.*');
    await server.manage('PUT', 'permissions/%2F/eve', { configure: '.*', write: '.*', read: '.*', ...without });
    const { error } = await refusal(url);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toMatch(
      new RegExp(`^${right} access to .* refused for user 'eve': grant the user the rights`),
    );
  });

  it.each<[string, string, Record<string, unknown>, string]>([
    ['is a classic queue', 'classic', {}, 'exists and is not a stream of Holdfast (x-queue-type=classic)'],
    [
      'keeps entries too briefly',
      'stream',
      { ...STREAM, 'x-max-age': '10m' },
      'keeps entries for 10m only: expected twice the window, 1800 s',
    ],
    [
      'keeps too few bytes',
      'stream',
      { ...STREAM, 'x-max-length-bytes': 1_000_000 },
      'has x-max-length-bytes=1000000, which may delete entries that are needed',
    ],
  ])('is refused if a queue %s', async (_, type, args, reason) => {
    const url = log();
    await declare('1', type, args);
    const { error } = await refusal(url);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toContain(`the queue ${prefix}.log.1 ${reason}`);
  });

  it.each<[string, Record<string, unknown>]>([
    ['longer', { ...STREAM, 'x-max-age': '2h', 'x-queue-leader-locator': 'balanced' }],
    ['for ever, in larger segments', { 'x-stream-max-segment-size-bytes': 50_000_000 }],
  ])('uses a queue that keeps entries %s', async (_, args) => {
    const url = log();
    await declare('1', 'stream', args);
    await expectWorking(url);
  });

  it('is refused if it has more partitions', async () => {
    await expectWorking(log({ partitions: '3' }));
    const { error } = await refusal(log({ partitions: '2' }));
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toBe(
      `there are more queues ${prefix}.log.N than partitions=2: set the number that the other pods have`,
    );
  });

  it('is refused if the queue of backends loses messages with its node', async () => {
    const url = log();
    await server.manage('PUT', `queues/%2F/${prefix}.publish`, {
      durable: true,
      arguments: { 'x-queue-type': 'classic' },
    });
    const { error } = await refusal(url, { inbox: true });
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toContain(`the queue ${prefix}.publish is not a quorum queue`);
  });

  it('is refused if its exchange is of another type', async () => {
    const url = log();
    await server.manage('PUT', `exchanges/%2F/${prefix}.log`, { type: 'topic', durable: true });
    const { error } = await refusal(url);
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toContain(`the exchange ${prefix}.log is not one of Holdfast`);
  });
});
