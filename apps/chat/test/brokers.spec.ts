import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KafkaServer } from '../../../libs/broadcast/test/support/kafka-server.js';
import { NatsServer } from '../../../libs/broadcast/test/support/nats-server.js';
import { PostgresServer } from '../../../libs/broadcast/test/support/postgres-server.js';
import { RabbitServer } from '../../../libs/broadcast/test/support/rabbitmq-server.js';
import { RedisServer } from '../../../libs/broadcast/test/support/redis-servers.js';
import { startTcpProxy } from '../../gateway/test/support/tcp-proxy.js';
import { ChatWindow } from './support/chat-window.js';
import { launchChromium } from './support/chromium.js';
import { expectNoInterruption } from './support/drain.js';
import { startTwoProcesses } from './support/two-gateways.js';

interface Server {
  /** The URL of a broker that shows nothing of other tests. @param test its number. */
  url(test: number): string;
  close(): Promise<void>;
}

const SERVERS: readonly (readonly [name: string, start: () => Promise<Server>])[] = [
  [
    'Redis',
    async () => {
      const redis = await RedisServer.start();
      return { url: (test) => `${redis.url}?prefix=test${test}`, close: async () => redis.close() };
    },
  ],
  [
    'Kafka',
    async () => {
      const kafka = await KafkaServer.start();
      return { url: (test) => kafka.url(`test${test}`, { partitions: '8' }), close: async () => kafka.close() };
    },
  ],
  [
    'RabbitMQ',
    async () => {
      const rabbit = await RabbitServer.start();
      return { url: (test) => `${rabbit.url}?prefix=test${test}&partitions=4`, close: async () => rabbit.close() };
    },
  ],
  [
    'NATS',
    async () => {
      const nats = await NatsServer.start();
      return { url: (test) => `${nats.url}?prefix=test${test}&partitions=4`, close: async () => nats.close() };
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const postgres = await PostgresServer.start();
      return { url: (test) => `${postgres.url}?schema=test${test}`, close: async () => postgres.close() };
    },
  ],
];

describe.each(SERVERS)('the chat page on two processes with %s', (_, start) => {
  let browser: Browser;
  let server: Server;
  let tests = 0;

  // Takes minutes if Debian's Chromium or the server has to be installed first.
  beforeAll(async () => {
    [browser, server] = await Promise.all([launchChromium(), start()]);
  }, 600_000);
  afterAll(async () => Promise.all([browser.close(), server.close()]));

  function openLog(): string {
    tests += 1;
    return server.url(tests);
  }

  it('lets people chat, and continues when one of them was killed', async () => {
    const [first, second] = await startTwoProcesses(openLog());
    const proxy = await startTcpProxy(first.port);
    const ann = await ChatWindow.open(browser, `http://127.0.0.1:${proxy.port}`, 'Ann');
    const bob = await ChatWindow.open(browser, `http://127.0.0.1:${second.port}`, 'Bob');
    expect([await ann.node(), await bob.node()]).toEqual(['first', 'second']);
    await ann.say('Hello Bob');
    await bob.shows('Hello Bob');
    await bob.say('Hello Ann');
    await ann.shows('Hello Bob', 'Hello Ann');
    await vi.waitFor(async () => expect(await ann.get('people-count').innerText()).toContain('2'));

    await first.kill();
    await ann.isReconnecting();
    await ann.get('composer').fill('a half-typed li');
    await bob.say('Are you still there?');
    await bob.shows('Hello Bob', 'Hello Ann', 'Are you still there?');
    proxy.target = second.port;
    await ann.isConnected();

    expect(await ann.node()).toBe('second');
    await ann.shows('Hello Bob', 'Hello Ann', 'Are you still there?');
    expect(await ann.get('composer').inputValue()).toBe('a half-typed li');
    await ann.say('Here I am');
    for (const window of [ann, bob]) {
      await window.shows('Hello Bob', 'Hello Ann', 'Are you still there?', 'Here I am');
      expect(await window.get('history-notice').count()).toBe(0);
      expect(await window.get('person').count()).toBe(2);
      expect(window.complaints).toEqual([]);
    }
  });

  it('promise 5: shows no interruption when the gateway drains and another one takes over', async () => {
    await expectNoInterruption(browser, await startTwoProcesses(openLog()));
  });
});
