import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AclOperations,
  AclPermissionTypes,
  alterUserScramCredentialsV0,
  Connection,
  ResourcePatternTypes,
  ResourceTypes,
  type Acl,
} from '@platformatic/kafka';
import { LogRefusedError, LogUnavailableError } from '../../src/log/log-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { expectToWork, Followers, refusal } from './followers.js';
import { SecuredKafka, SESSION, unsignedToken } from '../support/secured-kafka.js';

const followers = new Followers();
let kafka: SecuredKafka;
beforeAll(async () => {
  kafka = await SecuredKafka.start();
});
afterAll(async () => {
  await followers.close();
  await kafka.close();
});

describe.each(['sasl', 'saslTls'] as const)('on the listener %s', (listener) => {
  it.each([
    ['plain', 'ann:secret'],
    ['scram-sha-256', 'scram:first'],
    ['scram-sha-512', 'scram:first'],
  ])('%s accepts the password and refuses others', async (sasl, user) => {
    const topic = followers.uniqueTopic();
    await expectToWork(followers.connect(kafka.url(listener, topic, { sasl }, user)));
    const error = await refusal(followers.connect(kafka.url(listener, topic, { sasl }, 'scram:hunter2')));
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toMatch(/authentication/i);
    expect(error.message).not.toContain('hunter2');
  });

  it('oauthbearer accepts a token from a file and refuses others', async () => {
    const topic = followers.uniqueTopic();
    const tokenFile = kafka.path(`token-${topic}`);
    const url = kafka.url(listener, topic, { sasl: 'oauthbearer', tokenFile });
    await writeFile(tokenFile, unsignedToken('ann', 60_000));
    await expectToWork(followers.connect(url));
    await writeFile(tokenFile, unsignedToken('ann', -60_000));
    const error = await refusal(followers.connect(url));
    expect(error).toBeInstanceOf(LogRefusedError);
    expect(error.message).toMatch(/the server refused the token: invalid_token/);
  });
});

describe.concurrent('a session that ends', () => {
  it('is replaced before it ends, with the token that the file has then', async () => {
    const tokenFile = kafka.path('rotated-token');
    await writeFile(tokenFile, unsignedToken('ann', SESSION));
    const follower = followers.connect(kafka.url('sasl', followers.uniqueTopic(), { sasl: 'oauthbearer', tokenFile }));
    await follower.open();
    follower.tail('first');
    const sent: string[] = [];
    for (const end = performance.now() + 2 * SESSION; performance.now() < end;) {
      // The former token expires: without rotation, appends would fail.
      await writeFile(tokenFile, unsignedToken('ann', SESSION));
      const text = `a${sent.length + 1}`;
      await follower.append(text);
      sent.push(text);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await follower.reads(sent);
    expect(follower.interruptions).toEqual([]);
    expect(follower.problems).toEqual([]);
  });

  it('loses nothing if its token was not rotated', async () => {
    const tokenFile = kafka.path('expired-token');
    await writeFile(tokenFile, unsignedToken('ann', SESSION));
    const follower = followers.connect(kafka.url('sasl', followers.uniqueTopic(), { sasl: 'oauthbearer', tokenFile }));
    await expectToWork(follower);
    await eventually(() => expect(follower.problem).toMatch(/refused the token/));
    await expect(follower.append('lost')).rejects.toThrow(LogUnavailableError);
    await writeFile(tokenFile, unsignedToken('ann', 60_000));
    await eventually(() => expect(follower.problem).toBeUndefined());
    await eventually(async () => follower.append('a2'));
    await follower.reads(['a1', 'a2']);
  });

  it('uses a password that was changed while the adapter runs', async () => {
    const user = `user${randomBytes(4).toString('hex')}`;
    await setPassword(user, 'old');
    let password = 'old';
    const topic = followers.uniqueTopic();
    const follower = followers.connect(() =>
      kafka.url('sasl', topic, { sasl: 'scram-sha-512' }, `${user}:${password}`),
    );
    await expectToWork(follower);
    await setPassword(user, 'new');
    password = 'new';
    // The sessions of the former password end meanwhile.
    const sent = ['a1'];
    for (const end = performance.now() + 2 * SESSION; performance.now() < end;) {
      sent.push(`a${sent.length + 1}`);
      await follower.append(sent.at(-1) ?? '');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await follower.reads(sent);
    expect(follower.interruptions).toEqual([]);
  });
});

describe('TLS', () => {
  it('accepts a client certificate, and requires it', async () => {
    const topic = followers.uniqueTopic();
    const { cert, key } = kafka.certificate;
    await expectToWork(followers.connect(kafka.url('mutualTls', topic, { tlsCert: cert, tlsKey: key })));
    const error = await refusal(followers.connect(kafka.url('mutualTls', topic)));
    expect(error).toBeInstanceOf(LogUnavailableError);
    expect(error.message).toMatch(/certificate/i);
  });

  it('refuses a server with another name or an unknown authority', async () => {
    const url = kafka.url(
      'saslTls',
      followers.uniqueTopic(),
      { sasl: 'plain', tlsServerName: 'other.example' },
      'ann:secret',
    );
    expect((await refusal(followers.connect(url))).message).toMatch(/does not match certificate's altnames/);
    const withoutCa = new URL(url);
    withoutCa.searchParams.delete('tlsCa');
    expect((await refusal(followers.connect(withoutCa.href))).message).toMatch(/self-signed certificate/);
  });

  it.each([
    ['sasl', 'saslTls'],
    ['saslTls', 'sasl'],
  ] as const)('of %s does not work on the listener %s, and the reason says so', async (scheme, listener) => {
    const [url, other] = [scheme, listener].map((name) =>
      kafka.url(name, followers.uniqueTopic(), { sasl: 'plain' }, 'ann:secret'),
    );
    const address = new URL(other ?? '').host;
    const error = await refusal(followers.connect((url ?? '').replace(new URL(url ?? '').host, address)));
    expect(error).toBeInstanceOf(LogUnavailableError);
    expect(error.message).toMatch(/TLS|SSL|closed/);
  });
});

/** Sets a password for SCRAM-SHA-512, as kafka-configs does. */
async function setPassword(name: string, password: string): Promise<void> {
  const [salt, iterations] = [randomBytes(16), 4_096];
  const saltedPassword = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  const connection = new Connection('test');
  await connection.connect('127.0.0.1', kafka.server.port);
  const credential = { name, mechanism: 2 as const, iterations, salt, saltedPassword };
  await alterUserScramCredentialsV0.api.async(connection, [], [credential]);
  await connection.close();
}

describe('the rights on a topic', () => {
  // Who may create topics on the cluster may create this one.
  beforeAll(async () => grant('another', 'kafka-cluster', ['CREATE'], ResourceTypes.CLUSTER));

  it('are enough if they are Describe, DescribeConfigs, Read, Write and Create', async () => {
    const topic = followers.uniqueTopic();
    await grant('ann', topic, ['DESCRIBE', 'DESCRIBE_CONFIGS', 'READ', 'WRITE', 'CREATE']);
    const follower = followers.connect(urlOf(topic));
    await expectToWork(follower);
    expect(await follower.adapter.bounds(0, AbortSignal.timeout(5_000))).toMatchObject({ first: 0, next: 1 });
    expect(await follower.read('first', 10)).toEqual(['a1']);
  });

  it.each([
    ['Describe', [], /may not describe the topic topic\d+: grant Describe, or Create/],
    ['Create', ['DESCRIBE'], /does not exist and cannot be created .*: create it, or grant Create/],
    ['Write', ['DESCRIBE', 'DESCRIBE_CONFIGS', 'READ', 'CREATE'], /lacks rights on the topic: grant Write$/],
    ['DescribeConfigs', ['READ', 'WRITE', 'CREATE'], /lacks rights on the topic: grant DescribeConfigs$/],
  ] as const)(
    'are not enough without %s: the reason says so, and it is used once it is granted',
    async (_, some, reason) => {
      const topic = followers.uniqueTopic();
      await grant('another', topic, ['READ']);
      await grant('ann', topic, some);
      const follower = followers.connect(urlOf(topic));
      await eventually(async () => expect((await refusal(follower)).message).toMatch(reason));
      expect(await refusal(follower)).toBeInstanceOf(LogRefusedError);
      await grant('ann', topic, ['DESCRIBE', 'DESCRIBE_CONFIGS', 'READ', 'WRITE', 'CREATE']);
      await expectToWork(follower);
    },
  );
});

function urlOf(topic: string): string {
  return kafka.url('sasl', topic, { sasl: 'plain' }, 'ann:secret');
}

/** Grants a user operations on a topic, and thereby takes them from everybody else. */
async function grant(
  user: string,
  resourceName: string,
  operations: readonly (keyof typeof AclOperations)[],
  resourceType: Acl['resourceType'] = ResourceTypes.TOPIC,
): Promise<void> {
  if (operations.length === 0) return;
  const creations = operations.map((operation) => ({
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: '*',
    operation: AclOperations[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }));
  await kafka.server.manage(async (admin) => admin.createAcls({ creations }));
}
