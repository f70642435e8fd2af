import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { PostgresServer } from '../../../../libs/broadcast/test/support/postgres-server.js';
import { Running } from '../test-io.js';

const PASSWORD = 'hunter2-of-tests';

let server: PostgresServer;
let schemas = 0;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The URL of a schema that does not exist yet. */
function freshUrl(base = server.url): string {
  return `${base}?schema=test${(schemas += 1)}`;
}

async function migrate(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const sut = new Running(['migrate', ...args], { env });
  await sut.exitCode;
  return sut;
}

async function fails(args: readonly string[], exitCode: number, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const sut = await migrate(args, env);
  expect(sut.stdout).toBe('');
  expect(sut.stderr).toMatch(/^holdfast: .*\n$/);
  expect(sut.stderr).not.toContain(PASSWORD);
  expect(await sut.exitCode, sut.stderr).toBe(exitCode);
  return sut.stderr;
}

describe('holdfast migrate', () => {
  it('creates the schema, and does nothing when it runs again', async () => {
    const env = { HOLDFAST_BROKER: freshUrl() };
    const [first, second] = [await migrate([], env), await migrate([], env)];
    expect([await first.exitCode, first.stdout]).toEqual([0, `created the schema test${schemas}, version 1\n`]);
    expect([await second.exitCode, second.stdout]).toEqual([
      0,
      `the schema test${schemas} has version 1: nothing to migrate\n`,
    ]);
  });

  it('reads the URL and the password from files as the gateway does', async () => {
    const args = ['--url', `${freshUrl()}&passwordFile=${file('password', `${PASSWORD}\n`)}`];
    expect(await (await migrate(args)).exitCode).toBe(0);
    expect(await (await migrate(['--url-file', file('url', `${freshUrl()}\n`)])).exitCode).toBe(0);
    expect(await (await migrate([], { HOLDFAST_BROKER_FILE: file('broker', freshUrl()) })).exitCode).toBe(0);
  });

  it('grants a role what pods need', async () => {
    await server.query('create role "gateway role" login');
    const sut = await migrate(['--grant', 'gateway role'], { HOLDFAST_BROKER: freshUrl() });
    expect(sut.lines[1]).toBe('granted the rights of a pod to the role gateway role');
    const [rights] = await server.query(`select
      has_table_privilege('gateway role', 'test${schemas}.channel', 'update') as writes,
      has_schema_privilege('gateway role', 'test${schemas}', 'create') as creates`);
    expect(rights).toEqual({ writes: true, creates: false });
  });

  it('exits with 1 if the server refuses', async () => {
    await server.query('create role poor login');
    const poor = freshUrl(server.url.replace('postgres@', 'poor@'));
    expect(await fails(['--url', poor], 1)).toContain('the role may not create or change the schema');
    expect(await fails(['--url', freshUrl(), '--grant', 'nobody'], 1)).toContain('the role nobody');
    expect(await fails(['--url', freshUrl().replace('/postgres?', '/none?')], 1)).toContain('does not exist');
  });

  it('exits with 2 for a URL that is missing or cannot be used', async () => {
    expect(await fails([], 2)).toContain('expected HOLDFAST_BROKER');
    expect(await fails([], 2, { HOLDFAST_BROKER: `redis://:${PASSWORD}@redis` })).toContain('the scheme postgres');
    expect(await fails(['--url', `postgres://owner:${PASSWORD}@h/d`], 2)).toContain('use --url-file');
  });

  it('exits with 69 if no server can be reached', async () => {
    const url = `postgres://owner:${PASSWORD}@127.0.0.1:${await freePort([])}/app`;
    expect(await fails([], 69, { HOLDFAST_BROKER: url })).toContain('ECONNREFUSED');
  });
});
