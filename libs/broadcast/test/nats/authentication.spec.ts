import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogRefusedError, LogUnavailableError } from '../../src/log/log-adapter.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { Certificate } from '../support/certificate.js';
import { NatsOperator } from '../support/nats-jwt.js';
import { NatsServer } from '../support/nats-server.js';

const encode = (text: string): string => encodeURIComponent(text);
const users = (password: string): string => `authorization { users: [{ user: ann, password: "${password}" }] }`;

const REFUSED = 'the server refuses the credentials';

/** The reason why an adapter cannot connect. */
async function refused(url: string): Promise<string> {
  const other = new LogFollower(new NatsAdapter(() => url));
  other.adapter.start(other);
  try {
    await eventually(() => expect(other.problem).toMatch(/refuses|certificate|credentials|TLS/i));
    const { problem = '' } = other;
    // Only a change by an operator helps against a refusal. Each connection notices it by itself.
    const expected = problem.includes(REFUSED) ? LogRefusedError : LogUnavailableError;
    await eventually(() => expect(other.adapter.open(AbortSignal.timeout(1_000))).rejects.toThrow(expected));
    return problem;
  } finally {
    await other.adapter.close();
  }
}

describe('a NATS log whose server authenticates', () => {
  let directory: string;
  let nats: NatsServer | undefined;
  let follower: LogFollower | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-nats-auth-'));
  });
  afterEach(async () => {
    await follower?.adapter.close();
    await nats?.close();
    [follower, nats] = [undefined, undefined];
    await rm(directory, { recursive: true });
  });

  const write = async (name: string, contents: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, contents);
    return path;
  };
  const start = async (configuration: string): Promise<NatsServer> => {
    nats = await NatsServer.start({ configuration });
    return nats;
  };
  /** Opens an adapter, and checks that it can write and read. */
  const use = async (url: () => string): Promise<LogFollower> => {
    follower = new LogFollower(new NatsAdapter(url));
    await follower.start();
    follower.tail('first');
    await follower.append('a');
    await follower.reads(['a']);
    return follower;
  };

  it('by user and password, which are rotated by the URL', async () => {
    const server = await start(users('hunter2'));
    let password = 'hunter2';
    const log = await use(() => `nats://ann:${password}@${server.address}`);
    expect(await refused(`nats://ann:hunter3@${server.address}`)).toContain(REFUSED);
    expect(await refused(`nats://ann:hunter3@${server.address}`)).not.toContain('hunter');
    await server.configure(users('hunter4'));
    server.signal('SIGHUP');
    // The server closes the connections of users that have changed.
    await eventually(() => expect(log.problem).toContain(REFUSED));
    password = 'hunter4';
    await eventually(() => expect(log.problem).toBeUndefined());
    await log.open();
    await log.append('b');
    await log.reads(['a', 'b']);
  });

  it('by a token, in the URL or in a file that is rotated', async () => {
    const server = await start('authorization { token: "t0ken/1" }');
    const path = await write('token', 't0ken/1\n');
    const log = await use(() => `nats://${server.address}?tokenFile=${encode(path)}`);
    const other = new LogFollower(new NatsAdapter(() => `nats://${encode('t0ken/1')}@${server.address}`));
    await other.start();
    await other.adapter.close();
    expect(await refused(`nats://wrong@${server.address}`)).toContain(REFUSED);
    await write('token', 't0ken/2');
    await server.configure('authorization { token: "t0ken/2" }');
    server.signal('SIGHUP');
    await eventually(() => expect(log.problems).toHaveLength(3));
    await eventually(async () => log.append('b'));
    await log.reads(['a', 'b']);
  });

  it('by an nkey', async () => {
    const user = nkeys.createUser();
    const server = await start(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`);
    const path = await write('seed', `${new TextDecoder().decode(user.getSeed())}\n`);
    await use(() => `nats://${server.address}?nkey=${encode(path)}`);
    const wrong = await write('wrong', new TextDecoder().decode(nkeys.createUser().getSeed()));
    expect(await refused(`nats://${server.address}?nkey=${encode(wrong)}`)).toContain(REFUSED);
  });

  it('by a credentials file, which is rotated before it expires', async () => {
    const operator = new NatsOperator();
    const server = await start(operator.configuration);
    const path = await write('chat.creds', operator.creds(3));
    const log = await use(() => `nats://${server.address}?creds=${encode(path)}`);
    await write('chat.creds', operator.creds());
    await eventually(() => expect(log.problems.length).toBeGreaterThan(2));
    await eventually(async () => log.append('b'));
    await log.reads(['a', 'b']);
    const broken = await write('broken.creds', 'hunter2');
    expect(await refused(`nats://${server.address}?creds=${encode(broken)}`)).toMatch(/: unable to parse credentials$/);
    const foreign = await write('foreign.creds', new NatsOperator().creds());
    expect(await refused(`nats://${server.address}?creds=${encode(foreign)}`)).toContain(REFUSED);
  });

  it('by a certificate, over TLS', async () => {
    const certificate = await Certificate.make();
    try {
      const { cert, key, host } = certificate;
      const server = await start(`tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${cert}", verify: true }`);
      const url = (parameters: Record<string, string>): string =>
        `nats+tls://${server.address}?${new URLSearchParams(parameters)}`;
      const client = { tlsCert: cert, tlsKey: key };
      await use(() => url({ tlsCa: cert, tlsServerName: host, ...client }));
      expect(await refused(url({ tlsCa: cert, tlsServerName: host }))).toMatch(/certificate required/);
      expect(await refused(url({ tlsServerName: host, ...client }))).toMatch(/self-signed certificate/);
      expect(await refused(url({ tlsCa: cert, ...client }))).toMatch(/127\.0\.0\.1 is not in the cert's list/);
      expect(await refused(`nats://${server.address}`)).toContain('the server requires TLS: use a nats+tls:// URL');
    } finally {
      await certificate.remove();
    }
  });
});
