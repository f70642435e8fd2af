import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogUnavailableError } from '../../src/log/log-adapter.js';
import { RabbitAdapter } from '../../src/rabbitmq/rabbitmq-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { numbers } from '../../src/testing/log-adapter.contract.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { RabbitServer } from '../support/rabbitmq-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

const MIB = 1_024 * 1_024;

let server: RabbitServer;
let prefix = '';
let logs = 0;
const followers: LogFollower[] = [];

beforeAll(async () => {
  server = await RabbitServer.start();
  prefix = KILLED;
  await follow();
  prefix = '';
});
afterAll(async () => server.close());
afterEach(async () => {
  await Promise.all(followers.splice(0).map(async ({ adapter }) => adapter.close()));
  if (prefix !== KILLED) await server.deleteQueues(prefix);
  prefix = '';
});

/** Of a log that was created long before its server is killed. */
const KILLED = 'killed.';

async function follow(address = `127.0.0.1:${server.port}`): Promise<LogFollower> {
  if (prefix === '') prefix = `test${(logs += 1)}.`;
  const url = `amqp://${address}?prefix=${prefix.slice(0, -1)}&partitions=1`;
  const follower = new LogFollower(new RabbitAdapter(() => url));
  followers.push(follower);
  return follower.start();
}

describe('a log on RabbitMQ', () => {
  it('delivers what is appended after a reader began at the end', async () => {
    const here = await follow();
    for (const text of numbers('a', 10)) {
      here.tail('next');
      await here.append(text);
      expect(await here.reads([text])).toHaveLength(1);
    }
  });

  it('notices a network that drops everything, and continues on new connections', async () => {
    const proxy = await SilentProxy.start(server.port);
    try {
      const [here, there] = [await follow(proxy.address), await follow()];
      here.tail('first');
      await there.append('before');
      await here.reads(['before']);
      proxy.silence();
      await there.append('meanwhile');
      await eventually(() => {
        expect(here.problem).toContain('Heartbeat timeout');
        expect(here.interruptions.length).toBeGreaterThan(0);
      }, 8_000);
      proxy.restore();
      await eventually(() => expect(here.problem).toBeUndefined());
      await here.open();
      await here.append('after');
      await here.reads(['before', 'meanwhile', 'after']);
    } finally {
      await proxy.close();
    }
  });

  it('keeps what was acknowledged when the server is killed', async () => {
    prefix = KILLED;
    const [here, there] = [await follow(), await follow()];
    here.tail('first');
    await there.appendAll(numbers('a', 10));
    await server.kill();
    await server.run();
    await eventually(async () => {
      await there.adapter.open(AbortSignal.timeout(2_000));
      await there.append('after');
    });
    await eventually(() => expect(here.texts()).toEqual([...numbers('a', 10), 'after']));
    expect(await there.read('first', 100)).toEqual(here.texts());
  });

  it('begins again on a server that has lost its data', async () => {
    const here = await follow();
    here.tail('first');
    await here.append('before');
    await here.reads(['before']);
    here.continues = false;
    await server.kill();
    await eventually(() => expect(here.problem).toBeDefined());
    await server.removeData();
    await server.run();
    await eventually(() => expect(here.problem).toBeUndefined());
    await here.open();
    expect(await here.read('first', 10)).toEqual([]);
    here.tail('first');
    await here.append('after');
    await here.reads(['after']);
  });

  it('reports a queue that is deleted under a reader as a cut, and creates it again', async () => {
    const here = await follow();
    here.continues = false;
    here.tail('first');
    await here.append('before');
    await here.reads(['before']);
    await server.deleteQueues(prefix);
    await eventually(() => expect(here.interruptions).toEqual([{ partition: 0, isCut: true }]));
    expect(here.problems).toEqual([]);
    here.tail('first');
    // Until it is there again, nothing is stored.
    await eventually(async () => here.append('after'));
    await here.reads(['after']);
  });

  it('refuses appends to a queue that does not exist, although the server confirms them', async () => {
    const here = await follow();
    await server.deleteQueues(prefix);
    await expect(here.append('lost')).rejects.toThrow(new LogUnavailableError('the queue does not exist'));
    await here.open();
    await here.append('after');
    expect(await here.read('first', 10)).toEqual(['after']);
  });

  it('loses no entry at the hole where a segment of the stream begins', async () => {
    const [here, there] = [await follow(), await follow()];
    here.tail('first');
    for (const text of numbers('a', 40)) await there.append(text.padEnd(MIB, '.'));
    await eventually(() => expect(here.entries()).toHaveLength(40));
    expect(here.texts().map((text) => text.replace(/\.+$/, ''))).toEqual(numbers('a', 40));
    const offsets = here.entries().map(({ offset }) => offset);
    expect(offsets.at(-1)).toBeGreaterThan(39);
    expect(here.interruptions).toEqual([]);
    const again = await there.adapter.read(0, 'first', 100, AbortSignal.timeout(10_000));
    expect(again.map(({ offset }) => offset)).toEqual(offsets);
  });

  it('reads on behind what retention has deleted', async () => {
    const here = await follow();
    // A policy has precedence over the arguments of a queue, and AMQP 0.9.1 does not show it.
    await server.manage('PUT', 'policies/%2F/short', {
      pattern: `^${prefix}`,
      'apply-to': 'streams',
      definition: { 'max-length-bytes': MIB },
    });
    try {
      for (let count = 0; count < 40; count += 1) await here.append('x'.repeat(MIB));
      const first = await eventually(async () => {
        const [entry] = await here.adapter.read(0, 'first', 1, AbortSignal.timeout(10_000));
        if (entry === undefined || entry.offset === 0) throw new Error('nothing was deleted');
        return entry.offset;
      });
      here.tail({ offset: 1 });
      await eventually(() => expect(here.entries()[0]?.offset).toBe(first));
      const [entry] = await here.adapter.read(0, { offset: 1 }, 1, AbortSignal.timeout(10_000));
      expect(entry?.offset).toBe(first);
    } finally {
      await server.manage('DELETE', 'policies/%2F/short');
    }
  });

  it('shows that the server blocks publishers, refuses appends meanwhile, and goes on reading', async () => {
    const here = await follow();
    here.tail('first');
    await here.append('before');
    await server.control('set_disk_free_limit', '100000GB');
    try {
      await eventually(async () => {
        // The server reports it to connections that publish, and only then.
        await here.adapter.append(0, Buffer.from('blocked'), AbortSignal.timeout(500)).catch(() => undefined);
        expect(here.problem).toBe('the server blocks publishers: low on disk');
      });
      await expect(here.append('refused')).rejects.toThrow(
        new LogUnavailableError('the server blocks publishers: low on disk'),
      );
      expect(here.interruptions).toEqual([]);
    } finally {
      await server.control('set_disk_free_limit', '50MB');
    }
    await eventually(() => expect(here.problem).toBeUndefined());
    await here.open();
    await here.append('after');
    await eventually(() => expect(new Set(here.texts())).toEqual(new Set(['before', 'blocked', 'after'])));
  });
});
