import { chown, copyFile, chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { Certificate } from '../support/certificate.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNEL = 'news:today';

let server: PostgresServer;
let folder: string;
let pods: Pod[] = [];
const certificates: Certificate[] = [];

/** What the pods read. */
const files = { password: '', ca: '' };

beforeAll(async () => {
  server = await PostgresServer.start();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secured-'));
  files.password = join(folder, 'password');
  files.ca = join(folder, 'ca.pem');
  await useNewCertificate();
  const rules = join(server.directory, 'db/pg_hba.conf');
  const secured = `hostssl all secured 127.0.0.1/32 scram-sha-256\nhostnossl all secured 127.0.0.1/32 reject\n`;
  await writeFile(rules, secured + (await readFile(rules, 'utf8')));
  await server.query('create role secured login; grant create on database postgres to secured');
  await usePassword('first');
  for (const [name, value] of [
    ['ssl_cert_file', '/srv/cert.pem'],
    ['ssl_key_file', '/srv/key.pem'],
    ['ssl', 'on'],
  ]) {
    await server.query(`alter system set ${name} = '${value}'`);
  }
  await server.query('select pg_reload_conf()');
}, 60_000);
afterEach(async () => {
  await Promise.all(pods.map(async (pod) => pod.close()));
  pods = [];
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
  for (const certificate of certificates) await certificate.remove();
});

async function useNewCertificate(): Promise<void> {
  const certificate = await Certificate.make('IP:127.0.0.1');
  certificates.push(certificate);
  const { uid, gid } = await stat(server.directory);
  for (const name of ['cert', 'key'] as const) {
    const path = join(server.directory, `${name}.pem`);
    await copyFile(certificate[name], path);
    await chown(path, uid, gid);
    await chmod(path, 0o600);
  }
  await copyFile(certificate.cert, files.ca);
}

async function usePassword(password: string): Promise<void> {
  await server.query(`alter role secured password '${password}'`);
  await writeFile(files.password, `${password}\n`);
}

function open(parameters = `&tlsCa=${files.ca}&tlsServerName=redis.example`): Pod {
  const url = `postgres://secured@127.0.0.1:${server.port}/postgres?passwordFile=${files.password}${parameters}`;
  const pod = new Pod(new PostgresBroker(() => url));
  pods.push(pod);
  return pod;
}

async function reconnect(): Promise<void> {
  await server.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'secured'");
}

it('a rotated password and a rotated certificate are used without a restart, and nothing is lost', async () => {
  const pod = open();
  await pod.start();
  await pod.broker.subscribe(CHANNEL, LASTING);
  await pod.publish(CHANNEL, 'first');
  const [row] = await server.query(
    "select bool_and(ssl) as encrypted from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'secured'",
  );
  expect(row).toEqual({ encrypted: true });

  await usePassword('second');
  await useNewCertificate();
  await server.query('select pg_reload_conf()');
  await reconnect();
  await until(async () => pod.publish(CHANNEL, 'second'));
  await until(() => expect(pod.delivered(CHANNEL).at(-1)?.payload).toBe('second'));
  expect([pod.gaps, pod.faults]).toEqual([[], []]);
});

it.each([
  ['a certificate of another authority', () => '&sslmode=verify-full', 'the connection failed: '],
  ['a certificate for another name', () => `&tlsCa=${files.ca}&tlsServerName=other.example`, 'ERR_TLS_CERT_ALTNAME'],
  ['a server that requires TLS', () => '', 'refused the user, its password or its certificate'],
  ['a wrong password', () => '&sslmode=require', 'refused the user, its password or its certificate'],
])('%s is named by the health', async (name, parameters, problem) => {
  if (name === 'a wrong password') await writeFile(files.password, 'wrong');
  const pod = open(parameters());
  pod.start().catch(() => undefined);
  await until(() =>
    expect(pod.broker.health()).toMatchObject({ status: 'down', reason: expect.stringContaining(problem) }),
  );
  await usePassword('third');
});

it.each([
  ['sslmode=require encrypts without checking the certificate', () => '&sslmode=require'],
  ['a certificate for an address is checked without a name', () => `&tlsCa=${files.ca}`],
])('%s', async (_, parameters) => {
  const pod = open(parameters());
  await pod.start();
  await expect(pod.publish(CHANNEL, 'x')).resolves.toMatchObject({ duplicate: false });
});
