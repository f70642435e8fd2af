import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerUrlError } from '../errors.js';
import { parsePostgresUrl, presentSettings } from './url.js';

describe('parsePostgresUrl', () => {
  it('has defaults for everything but the host', () => {
    expect(parsePostgresUrl('postgres://db')).toEqual({
      addresses: [{ host: 'db', port: 5432 }],
      credentials: {},
      database: 'postgres',
      tls: undefined,
      schema: 'holdfast',
      migrate: true,
      keep: false,
      listen: [{ host: 'db', port: 5432 }],
    });
  });

  it('reads all parts', () => {
    const url =
      'postgresql://app:p%40ss@a:6432,b/shop?schema=ws&migrate=off&failover=keep&listen=db:5432&sslmode=verify-full';
    expect(parsePostgresUrl(url)).toEqual({
      addresses: [
        { host: 'a', port: 6432 },
        { host: 'b', port: 5432 },
      ],
      credentials: { username: 'app', password: 'p@ss' },
      database: 'shop',
      tls: {},
      schema: 'ws',
      migrate: false,
      keep: true,
      listen: [{ host: 'db', port: 5432 }],
    });
  });

  it.each([
    ['postgres://app@db', { database: 'app' }],
    ['postgres://db?sslmode=disable', { tls: undefined }],
    ['postgres://db?sslmode=require', { tls: { rejectUnauthorized: false } }],
    ['postgres://db?tlsServerName=db.example', { tls: { servername: 'db.example' } }],
    ['postgres://db?listen=off', { listen: undefined }],
  ])('reads %s', (url, expected) => {
    expect(parsePostgresUrl(url)).toMatchObject(expected);
  });

  it.each([
    ['mysql://db', 'expected the scheme postgres'],
    ['postgres://', 'expected HOST'],
    ['postgres://db?schema=Ws', 'schema: expected'],
    ['postgres://db?schema=pg_x', 'schema: expected'],
    ['postgres://db?failover=maybe', 'failover: expected gap or keep'],
    ['postgres://db?migrate=maybe', 'migrate: expected on or off'],
    ['postgres://db?sslmode=prefer', 'sslmode: expected disable or require or verify-full'],
    ['postgres://db?sslmode=disable&tlsServerName=x', 'sslmode: disable excludes'],
    ['postgres://db?listen=:', 'listen: expected off'],
    ['postgres://db?passwordFile=/none', 'passwordFile: the file cannot be read'],
    ['postgres://db?tlsCert=/none', 'the file cannot be read|tlsCert, tlsKey'],
    ['postgres://db?hunter2!=1', 'unknown parameter ;'],
  ])('refuses %s', (url, message) => {
    expect(() => parsePostgresUrl(url)).toThrow(BrokerUrlError);
    expect(() => parsePostgresUrl(url)).toThrow(new RegExp(message));
  });

  it('reads a password from a file, again for each connection', () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-url-'));
    const file = join(directory, 'password');
    try {
      writeFileSync(file, 'first\n');
      const settings = presentSettings(() => `postgres://app@db?passwordFile=${file}`);
      expect(settings.credentials).toEqual({ username: 'app', password: 'first' });
      writeFileSync(file, 'second\n');
      expect(settings.credentials).toEqual({ username: 'app', password: 'second' });
      expect(() => parsePostgresUrl(`postgres://app:x@db?passwordFile=${file}`)).toThrow('not both');
      writeFileSync(file, '\n');
      expect(settings.credentials).toEqual({ username: 'app', password: 'second' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
