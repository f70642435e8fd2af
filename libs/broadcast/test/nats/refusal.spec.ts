import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { StreamConfig } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogRefusedError } from '../../src/log/log-adapter.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { NatsServer } from '../support/nats-server.js';

const SECOND = 1_000_000_000;
const MINUTES = 60 * SECOND;

/** The configuration of a server with a user that may use some subjects. */
function permissions(publish: readonly string[], subscribe: readonly string[]): string {
  const rights = `permissions: ${JSON.stringify({ publish, subscribe })}`;
  return `authorization { users: [{ user: a, password: a, ${rights} }] }`;
}

/** An adapter for a URL, closed after the test. */
let adapters: NatsAdapter[] = [];
function connect(url: string): LogFollower {
  const adapter = new NatsAdapter(() => url);
  adapters.push(adapter);
  const follower = new LogFollower(adapter);
  adapter.start(follower);
  return follower;
}
afterEach(async () => {
  await Promise.all(adapters.map(async (adapter) => adapter.close()));
  adapters = [];
});

/** Why an adapter that is connected cannot be opened. */
async function refusalOf({ adapter }: LogFollower): Promise<string> {
  return eventually(async () => {
    const error: unknown = await adapter.open(AbortSignal.timeout(5_000)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LogRefusedError);
    return (error as LogRefusedError).message;
  });
}

describe('a NATS log', () => {
  let nats: NatsServer;
  let prefixes = 0;

  beforeAll(async () => {
    nats = await NatsServer.start();
  });
  afterAll(async () => nats.close());

  const uniquePrefix = (): string => {
    prefixes += 1;
    return `test${prefixes}`;
  };

  it.each<[string, Partial<StreamConfig>, string]>([
    ['delivers each message once', { retention: 'workqueue' }, 'retention policy limits'],
    ['refuses messages when it is full', { discard: 'new', max_bytes: 1_000_000 }, 'set its discard policy to old'],
    ['forgets too early', { max_age: 10 * MINUTES }, 'keeps entries for 600 s'],
    ['has another subject', { subjects: ['elsewhere'] }, 'and no other'],
    ['allows messages to be removed', {}, 'set deny_delete'],
    ['does not republish messages', { deny_delete: true }, 'set republish from'],
  ])('refuses a stream that %s, until it is changed', async (_, change, problem) => {
    const prefix = uniquePrefix();
    const name = `${prefix}-log-0`;
    const config = { name, subjects: [`${prefix}.log.0`], ...change };
    await nats.manage(async ({ streams }) => streams.add(config));
    const log = connect(`${nats.url}?prefix=${prefix}&partitions=1`);
    expect(await refusalOf(log)).toContain(problem);
    await nats.manage(async ({ streams }) => streams.delete(name));
    await log.open();
    await eventually(() => expect(log.problem).toBeUndefined());
  });

  it('accepts streams that an operator has created as the documentation shows', async () => {
    const prefix = uniquePrefix();
    const page = await readFile(new URL('../../../../docs/brokers/nats.md', import.meta.url), 'utf8');
    const [, documented = ''] = /^```json\n(.*?)^```/ms.exec(page) ?? [];
    for (const partition of [0, 1]) {
      const text = documented.replaceAll(/holdfast([-.](?:log|tail)[-.])0/g, `${prefix}$1${partition}`);
      const config = { ...(JSON.parse(text) as StreamConfig), num_replicas: 1 };
      await nats.manage(async ({ streams }) => streams.add({ ...config, metadata: { 'holdfast-partitions': '2' } }));
    }
    const log = connect(`${nats.url}?prefix=${prefix}`);
    await log.open();
    expect(log.adapter.partitions).toBe(2);
    log.tail('first', 1);
    await log.append('a', 1);
    expect(await log.reads(['a'], 1)).toHaveLength(1);
  });

  it('has the number of partitions with which it was created', async () => {
    const prefix = uniquePrefix();
    await connect(`${nats.url}?prefix=${prefix}&partitions=3`).open();
    const other = connect(`${nats.url}?prefix=${prefix}`);
    await other.open();
    expect(other.adapter.partitions).toBe(3);
    const wrong = connect(`${nats.url}?prefix=${prefix}&partitions=4`);
    expect(await refusalOf(wrong)).toContain('has 3 partitions: remove partitions from');
  });

  it('can be created by several pods at once', async () => {
    const prefix = uniquePrefix();
    const pods = Array.from({ length: 4 }, () => connect(`${nats.url}?prefix=${prefix}`));
    await Promise.all(pods.map(async (pod) => pod.open()));
    expect(pods.map(({ adapter }) => adapter.partitions)).toEqual([16, 16, 16, 16]);
  });

  it('refuses more replicas than there are servers', async () => {
    const log = connect(`${nats.url}?prefix=${uniquePrefix()}&replicas=3`);
    expect(await refusalOf(log)).toContain('has no 3 servers');
  });

  it('refuses a server that is too old', async () => {
    const proxy = await FaultyProxy.start(nats.port);
    proxy.transform = (data) =>
      Buffer.from(data.toString('latin1').replace(/"version":"2\.\d+/, '"version":"2.9'), 'latin1');
    try {
      const log = connect(`nats://127.0.0.1:${new URL(proxy.url).port}?prefix=${uniquePrefix()}`);
      expect(await refusalOf(log)).toBe('the NATS server is version 2.9: upgrade it to 2.11 or later');
    } finally {
      await proxy.close();
    }
  });

  it('says that the server has no TLS', async () => {
    const log = connect(`nats+tls://${nats.address}`);
    await eventually(() => expect(log.problem).toContain('the server does not support TLS'));
  });

  it('says that it is not a NATS server', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const log = connect(`nats://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await eventually(() => expect(log.problem).toContain('this is not a NATS server'));
    } finally {
      server.close();
    }
  });
});

describe('a NATS log refuses a server', () => {
  let nats: NatsServer | undefined;

  afterEach(async () => {
    await nats?.close();
    nats = undefined;
  });

  it('without JetStream', async () => {
    nats = await NatsServer.start({ hasJetStream: false });
    expect(await refusalOf(connect(nats.url))).toBe('enable JetStream on the NATS server');
  });

  it('whose account has no JetStream', async () => {
    nats = await NatsServer.start({ configuration: 'accounts { A { users: [{ user: a, password: a }] } }' });
    expect(await refusalOf(connect(`nats://a:a@${nats.address}`))).toBe('enable JetStream for the NATS account');
  });

  it('whose user lacks a permission, and names it', async () => {
    // As docs/brokers/nats.md lists them.
    const publish = ['$JS.API.STREAM.INFO.*', '$JS.API.STREAM.CREATE.*', '$JS.API.DIRECT.GET.*', 'holdfast.log.*'];
    const subscribe = ['_INBOX.>', 'holdfast.tail.*'];
    const missing = [
      '$JS.API.STREAM.INFO.holdfast-log-0',
      '$JS.API.STREAM.CREATE.holdfast-log-0',
      '$JS.API.DIRECT.GET.holdfast-log-0',
    ];
    nats = await NatsServer.start({ configuration: permissions(['nothing'], subscribe) });
    const log = connect(`nats://a:a@${nats.address}?partitions=1`);
    const right = 'grant the NATS user the permission to';
    for (const [index, subject] of missing.entries()) {
      await eventually(async () => expect(await refusalOf(log)).toBe(`${right} publish to ${subject}`));
      await nats.configure(permissions(publish.slice(0, index + 1), subscribe));
      nats.signal('SIGHUP');
    }
    await log.open();
    await expect(log.append('a')).rejects.toThrow(`${right} publish to holdfast.log.0`);
    await nats.configure(permissions(publish, ['_INBOX.>']));
    nats.signal('SIGHUP');
    const reasons: string[] = [];
    const { adapter } = log;
    log.onInterrupted = (_, reason) => {
      reasons.push(reason);
      setTimeout(() => adapter.tail(0, 'first'), 50);
    };
    await eventually(async () => log.append('a'));
    log.tail('first');
    await eventually(() => expect(reasons).toContain(`${right} subscribe to holdfast.tail.0`));
    await nats.configure(permissions(publish, subscribe));
    nats.signal('SIGHUP');
    await log.append('b');
    await log.reads(['a', 'b']);
    expect(await log.read('first', 10)).toEqual(['a', 'b']);
  });
});
