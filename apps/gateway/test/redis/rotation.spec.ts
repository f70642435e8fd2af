import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { RIGHTS } from '../../../../libs/broadcast/test/support/rights.js';
import { startRedis } from './support/redis.js';
import { PodProcess } from '../support/pod-process.js';

const CHANNEL = 'chat:lobby';
const USER = 'chat';
const [OLD, NEW, NEWEST] = ['the-old-password', 'the-new-password', 'the-newest-password'];

/** Replaces the passwords of the pods' user. */
async function setPasswords({ admin }: RedisServer, ...passwords: readonly string[]): Promise<void> {
  const changes = ['reset', 'on', ...passwords.map((password) => `>${password}`), ...RIGHTS];
  await admin.call('acl', 'setuser', USER, ...changes);
}

describe('the password in the file of the broker URL', () => {
  it('is read again when it changes: new connections use the new one, and clients stay connected', async () => {
    const redis = await startRedis();
    await setPasswords(redis, OLD);
    const file = join(redis.directory, 'broker-url');
    const give = async (password: string): Promise<void> =>
      writeFile(file, `redis://${USER}:${password}@127.0.0.1:${redis.port}?prefix=chat\n`);
    await give(OLD);
    const sut = await PodProcess.start(undefined, 'pod', { HOLDFAST_BROKER_FILE: file });
    const client = await sut.connect();
    await client.subscribe(CHANNEL);
    const readAgain = async (times: number): Promise<void> =>
      eventually(() => {
        expect(sut.process.output().match(/HOLDFAST_BROKER_FILE was read again/g)).toHaveLength(times);
      });
    /** Makes Redis close the pod's connections, and the pod open new ones. */
    const reconnect = async (): Promise<void> => {
      expect(await redis.admin.call('client', 'kill', 'user', USER)).toBeGreaterThanOrEqual(2);
    };
    const arrives = async (text: string): Promise<void> => {
      await eventually(async () =>
        expect((await sut.api('publish', { channel: CHANNEL, data: text })).status).toBe(200),
      );
      await eventually(() => expect(client.of('message').at(-1)?.data['data']).toBe(text));
    };
    await arrives('before');

    // The intended order: both passwords are valid for a while.
    await setPasswords(redis, OLD, NEW);
    await give(NEW);
    await readAgain(1);
    await setPasswords(redis, NEW);
    await reconnect();
    await arrives('with the new one');

    // If the old one is removed first, there is an outage until the file is read.
    await setPasswords(redis, NEWEST);
    await reconnect();
    await eventually(async () =>
      expect((await sut.health('ready')).broker).toMatchObject({
        status: 'degraded',
        reason: expect.stringContaining('WRONGPASS'),
      }),
    );
    await give(NEWEST);
    await readAgain(2);
    await arrives('with the newest one');

    // An invalid URL is refused, and the previous one stays.
    await writeFile(file, `redis://${USER}:${OLD}@127.0.0.1:${redis.port}?what=ever`);
    await eventually(() => expect(sut.process.output()).toContain('HOLDFAST_BROKER_FILE: unknown parameter what'));
    await reconnect();
    await arrives('still');

    expect(await client.request('ping')).toEqual({});
    expect(client.of('gap')).toEqual([]);
    for (const password of [OLD, NEW, NEWEST]) expect(sut.process.output()).not.toContain(password);
  });
});
