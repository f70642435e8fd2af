import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { hostname } from 'node:os';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.js';
import { describeConfig, settingsOf } from './description.js';
import { loadConfig } from './load-config.js';

const SECRET = 'one secret that is 32 bytes long';
const OTHER_SECRET = 'two secret that is 32 bytes long';
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
const OTHER_WEBHOOK_SECRET = `whsec_${Buffer.alloc(64, 2).toString('base64')}`;
const PUBLIC_KEY = pem(generateKeyPairSync('ed25519'));

function pem({ publicKey }: { publicKey: KeyObject }): string {
  return publicKey.export({ type: 'spki', format: 'pem' });
}

function load(env: NodeJS.ProcessEnv, files: Record<string, string> = {}) {
  return loadConfig(env, (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`no file at ${path}`), { code: 'ENOENT' });
    return text;
  });
}

function loadYaml(yaml: string, env: NodeJS.ProcessEnv = {}) {
  return load({ HOLDFAST_CONFIG: '/config.yaml', ...env }, { '/config.yaml': yaml });
}

function problemsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the defaults', () => {
  it('are closed in production, the default mode', () => {
    const sut = load({});

    expect(sut).toMatchObject({
      mode: 'production',
      port: 8000,
      managementPort: 8001,
      node: hostname(),
      auth: { anonymous: false, jwt: { clockTolerance: 5_000 } },
      allowedOrigins: [],
      drain: { settle: 15_000, window: 30_000 },
      connection: {
        ping: 8_000,
        maxAge: 0,
        authTimeout: 5_000,
        maxPayload: 65_536,
        maxBuffered: 1_048_576,
        concurrency: 16,
        badFrames: { burst: 100, perSecond: 10 },
      },
      replay: { maxMessages: 1_000, maxBytes: 1_048_576 },
      keyWindow: 300_000,
      presence: { grace: 5_000, maxMembers: 200 },
      namespaceDefaults: {
        history: { size: 100, ttl: 300_000 },
        positionTtl: 604_800_000,
        presence: false,
        subscribe: 'granted',
        publish: 'granted',
      },
      api: { maxBody: 1_048_576 },
      health: { brokerOutage: 'degraded' },
      log: { level: 'info' },
      demo: false,
    });
    expect(sut.broker.current).toBe('memory:');
    expect(sut.auth.jwt.secrets.current).toEqual([]);
    expect(sut.auth.jwt.publicKeys.current).toEqual([]);
    expect(sut.apiKeys.current).toEqual([]);
    expect(sut.auth).not.toHaveProperty('cookie');
  });

  it('are open in development', () => {
    expect(load({ NODE_ENV: 'development' })).toMatchObject({
      mode: 'development',
      auth: { anonymous: true },
      drain: { settle: 0, window: 2_000 },
      namespaceDefaults: { presence: true, subscribe: 'anyone', publish: 'anyone' },
      demo: true,
    });
  });

  it.each([
    ['a secret', { HOLDFAST_JWT_SECRET: SECRET }],
    ['a public key', { HOLDFAST_JWT_PUBLIC_KEY: PUBLIC_KEY }],
    ['a key set', { HOLDFAST_JWKS_URL: 'https://issuer.example/keys' }],
  ])('require tokens, and what they grant, once development has %s', (_, env) => {
    const granted = { subscribe: 'granted', publish: 'granted' };
    expect(load({ NODE_ENV: 'development', ...env })).toMatchObject({
      auth: { anonymous: false },
      namespaceDefaults: granted,
    });
    const anyone = { subscribe: 'anyone', publish: 'anyone' };
    expect(load({ NODE_ENV: 'development', HOLDFAST_ANONYMOUS: 'true', ...env })).toMatchObject({
      auth: { anonymous: true },
      namespaceDefaults: anyone,
    });
    expect(load({ NODE_ENV: 'production', HOLDFAST_ANONYMOUS: 'true', ...env }).namespaceDefaults).toMatchObject(
      granted,
    );
  });

  it('let pages of this machine connect in development, and only there', () => {
    const { allowedOrigins } = load({ NODE_ENV: 'development' });
    expect(allowedOrigins).toContain('http://localhost:*');
    for (const origin of allowedOrigins) expect(origin).toMatch(/^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\]):\*$/);
    expect(load({ NODE_ENV: 'production' }).allowedOrigins).toEqual([]);
    expect(load({}).allowedOrigins).toEqual([]);
    const own = { NODE_ENV: 'development', HOLDFAST_ALLOWED_ORIGINS: 'https://example.com' };
    expect(load(own).allowedOrigins).toEqual(['https://example.com']);
  });

  it('are those of production in the mode test', () => {
    expect(load({ NODE_ENV: 'test' })).toMatchObject({ mode: 'production', demo: false });
  });

  it('also follow a mode from the file', () => {
    expect(loadYaml('mode: development')).toMatchObject({ mode: 'development', demo: true });
    expect(loadYaml('mode: development', { NODE_ENV: 'production' })).toMatchObject({
      mode: 'production',
      demo: false,
    });
  });
});

describe('environment variables', () => {
  const cases: Record<string, [text: string, read: (config: ReturnType<typeof load>) => unknown, expected: unknown]> = {
    NODE_ENV: ['development', ({ mode }) => mode, 'development'],
    HOLDFAST_PORT: ['9000', ({ port }) => port, 9000],
    HOLDFAST_MANAGEMENT_PORT: ['0', ({ managementPort }) => managementPort, 0],
    HOLDFAST_NODE: ['pod-1', ({ node }) => node, 'pod-1'],
    HOLDFAST_BROKER: ['redis://:pw@redis:6379', ({ broker }) => broker.current, 'redis://:pw@redis:6379'],
    HOLDFAST_JWT_SECRET: [`${SECRET},${OTHER_SECRET}`, ({ auth }) => auth.jwt.secrets.current, [SECRET, OTHER_SECRET]],
    HOLDFAST_JWT_PUBLIC_KEY: [PUBLIC_KEY, ({ auth }) => auth.jwt.publicKeys.current, [PUBLIC_KEY.trimEnd()]],
    HOLDFAST_JWKS_URL: ['https://issuer.example/keys', ({ auth }) => auth.jwt.jwks.url, 'https://issuer.example/keys'],
    HOLDFAST_ANONYMOUS: ['true', ({ auth }) => auth.anonymous, true],
    HOLDFAST_API_KEYS: [
      'key-of-16-letters\n another-key-of-16 \n',
      ({ apiKeys }) => apiKeys.current,
      ['key-of-16-letters', 'another-key-of-16'],
    ],
    HOLDFAST_ADMIN_KEYS: ['key-of-16-letters', ({ adminKeys }) => adminKeys.current, ['key-of-16-letters']],
    HOLDFAST_OPERATIONS_PAGE: ['true', ({ operationsPage }) => operationsPage, true],
    HOLDFAST_ALLOWED_ORIGINS: [
      'https://a.example, https://*.b.example:8443,',
      ({ allowedOrigins }) => allowedOrigins,
      ['https://a.example', 'https://*.b.example:8443'],
    ],
    HOLDFAST_SETTLE_SECONDS: ['0.5', ({ drain }) => drain.settle, 500],
    HOLDFAST_DRAIN_SECONDS: ['60', ({ drain }) => drain.window, 60_000],
    HOLDFAST_MAX_CONNECTION_AGE: ['3600', ({ connection }) => connection.maxAge, 3_600_000],
    HOLDFAST_TRUSTED_HOPS: ['2', ({ limits }) => limits.trustedHops, 2],
    HOLDFAST_MAX_CONNECTIONS: ['500', ({ limits }) => limits.connections.perPod, 500],
    HOLDFAST_WEBHOOK_SECRET: [
      `${WEBHOOK_SECRET}\n${OTHER_WEBHOOK_SECRET}`,
      ({ webhooks }) => webhooks.secrets.current,
      [WEBHOOK_SECRET, OTHER_WEBHOOK_SECRET],
    ],
    HOLDFAST_AUTHORIZATION_URL: [
      'http://backend:3000/authorize',
      ({ webhooks }) => webhooks.authorization.url,
      'http://backend:3000/authorize',
    ],
    HOLDFAST_RPC_URL: ['http://backend:3000/rpc', ({ webhooks }) => webhooks.rpc.url, 'http://backend:3000/rpc'],
    HOLDFAST_EVENTS_URL: [
      'https://backend.example/e?f=1',
      ({ webhooks }) => webhooks.events.url,
      'https://backend.example/e?f=1',
    ],
    HOLDFAST_LOG_LEVEL: ['warn', ({ log }) => log.level, 'warn'],
    HOLDFAST_DEMO: ['true', ({ demo }) => demo, true],
  };

  it('are all tested here', () => {
    const variables = settingsOf(describeConfig('production')).flatMap(({ description: { env } }) => env ?? []);
    expect(Object.keys(cases)).toEqual(variables);
  });

  it.each(Object.entries(cases))('%s sets its setting', (name, [text, read, expected]) => {
    // Required by the URLs of webhooks.
    const env = { HOLDFAST_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const before = read(load(env));
    expect(read(load({ ...env, [name]: text }))).toEqual(expected);
    expect(before).not.toEqual(expected);
  });

  it.each(Object.keys(cases))('%s counts as unset when it is empty', (name) => {
    expect(problemsOf(() => load({ [name]: '', [`${name}_FILE`]: '' }))).toEqual(
      // Only settings that may come from a file have such a variable.
      problemsOf(() => load({ [`${name}_FILE`]: '' })),
    );
  });
});

describe('the precedence', () => {
  it('is: variable, file, default', () => {
    const yaml = 'port: 9001\ndrain: { settle: 3 }';

    const sut = loadYaml(yaml, { HOLDFAST_PORT: '9002', HOLDFAST_DRAIN_SECONDS: '4' });

    expect(sut.port).toBe(9002);
    expect(sut.drain).toEqual({ settle: 3_000, window: 4_000 });
    expect(sut.managementPort).toBe(8001);
    expect(loadYaml(yaml).port).toBe(9001);
  });

  it.each(['', '# nothing\n', '---\n...\n'])('falls back to the default if the file is empty: %j', (yaml) => {
    expect(loadYaml(yaml).port).toBe(8000);
  });
});

describe('secrets in files', () => {
  it('lose only the newline at their end', () => {
    const files = {
      '/broker': 'nats://user:pass@nats\r\n',
      '/jwt': `${SECRET}\n${OTHER_SECRET}\n`,
      '/key': PUBLIC_KEY,
    };
    const sut = load(
      { HOLDFAST_BROKER_FILE: '/broker', HOLDFAST_JWT_SECRET_FILE: '/jwt', HOLDFAST_JWT_PUBLIC_KEY_FILE: '/key' },
      files,
    );

    expect(sut.broker.current).toBe('nats://user:pass@nats');
    expect(sut.auth.jwt.secrets.current).toEqual([SECRET, OTHER_SECRET]);
    expect(sut.auth.jwt.publicKeys.current).toEqual([PUBLIC_KEY.trimEnd()]);
  });

  it('cannot be combined with a variable for the same secret', () => {
    const env = { HOLDFAST_JWT_SECRET: SECRET, HOLDFAST_JWT_SECRET_FILE: '/jwt' };
    expect(problemsOf(() => load(env, { '/jwt': OTHER_SECRET }))).toEqual([
      'HOLDFAST_JWT_SECRET: expected either this or HOLDFAST_JWT_SECRET_FILE, not both',
    ]);
  });

  it('may be empty if the secrets or keys are optional', () => {
    const env = { HOLDFAST_JWT_SECRET_FILE: '/a', HOLDFAST_API_KEYS_FILE: '/b', HOLDFAST_JWT_PUBLIC_KEY_FILE: '/c' };
    const { apiKeys, auth } = load(env, { '/a': '', '/b': '\n', '/c': ' \n' });
    expect([apiKeys, auth.jwt.secrets, auth.jwt.publicKeys].map(({ current }) => current)).toEqual([[], [], []]);
    expect(auth.anonymous).toBe(false);
  });

  it('must not be empty if they are required', () => {
    const env = {
      HOLDFAST_BROKER_FILE: '/empty',
      HOLDFAST_WEBHOOK_SECRET_FILE: '/empty',
      HOLDFAST_AUTHORIZATION_URL: 'http://127.0.0.1/',
    };
    expect(problemsOf(() => load(env, { '/empty': '\n' }))).toHaveLength(2);
  });

  it('must be readable and valid', () => {
    const env = { HOLDFAST_JWT_SECRET_FILE: '/jwt', HOLDFAST_API_KEYS_FILE: '/keys', HOLDFAST_BROKER_FILE: '/none' };
    expect(problemsOf(() => load(env, { '/jwt': 'short', '/keys': 'short' }))).toEqual([
      'HOLDFAST_BROKER_FILE: expected the path of a readable UTF-8 file (ENOENT)',
      'HOLDFAST_JWT_SECRET_FILE: expected secrets of at least 32 bytes each, separated by commas or lines',
      'HOLDFAST_API_KEYS_FILE: expected keys of at least 16 visible ASCII characters each, separated by commas or lines',
    ]);
  });

  it('are not allowed in the configuration file', () => {
    expect(problemsOf(() => loadYaml(`apiKeys: [${SECRET}]\nauth: { jwt: { secrets: [${SECRET}] } }`))).toEqual([
      'auth.jwt.secrets: expected in HOLDFAST_JWT_SECRET or HOLDFAST_JWT_SECRET_FILE, not in the file',
      'apiKeys: expected in HOLDFAST_API_KEYS or HOLDFAST_API_KEYS_FILE, not in the file',
    ]);
  });

  it('do not appear when the configuration is logged', () => {
    const sut = load({ HOLDFAST_JWT_SECRET: SECRET, HOLDFAST_BROKER: 'redis://:hunter22@redis' });
    expect(inspect(sut, { depth: null }) + JSON.stringify(sut)).not.toMatch(/one secret|hunter22/);
  });
});

describe('the error for an invalid configuration', () => {
  it('reports all problems at once', () => {
    const yaml = `
connection: { maxPayload: 2097152, ping: soon }
namespaces:
  chat: { history: { size: -1 } }
  a:b: {}
log: loud
`;
    const env = { NODE_ENV: 'staging', HOLDFAST_PORT: '8000.5', HOLDFAST_DEMO: 'yes', HOLDFAST_DRAIN_SECONDS: '1e9' };

    expect(problemsOf(() => loadYaml(yaml, env)).toSorted()).toEqual([
      'HOLDFAST_DEMO: expected true or false',
      'HOLDFAST_DRAIN_SECONDS: expected a number of seconds from 0 to 3600',
      'HOLDFAST_PORT: expected a whole number from 0 to 65535',
      'NODE_ENV: expected one of production, development, test',
      'connection.ping: expected a number of seconds from 0 to 3600',
      'log: expected a mapping',
      'namespaces.chat.history.size: expected a whole number from 0 to 10000',
      'namespaces["a:b"]: expected a namespace: channel characters (A-Z a-z 0-9 _ - . / % #) without ":", or @',
    ]);
  });

  it('reports contradictions, in addition to other problems', () => {
    const env = { HOLDFAST_PORT: '9000', HOLDFAST_MANAGEMENT_PORT: '9000', HOLDFAST_LOG_LEVEL: 'loud' };
    expect(problemsOf(() => loadYaml('connection: { maxPayload: 2097152 }', env)).toSorted()).toEqual([
      'HOLDFAST_LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent',
      'HOLDFAST_MANAGEMENT_PORT: expected another port than port',
      'connection.maxBuffered: expected at least twice connection.maxPayload',
    ]);
    expect(load({ HOLDFAST_PORT: '0', HOLDFAST_MANAGEMENT_PORT: '0' }).port).toBe(0);
  });

  it('reports unknown members, with a suggestion', () => {
    expect(
      problemsOf(() => loadYaml('prot: 1\nauth: { jwt: { isuer: x } }\nnamespaces: { chat: { zzz: 1 } }')),
    ).toEqual([
      'auth.jwt.isuer: unknown member, did you mean auth.jwt.issuer?',
      'namespaces.chat.zzz: unknown member',
      'prot: unknown member, did you mean port?',
    ]);
  });

  it('reports unknown variables, with a suggestion', () => {
    expect(
      problemsOf(() => load({ HOLDFAST_JWT_SECRETS: SECRET, HOLDFAST_PORT_FILE: '/port', HOLDFAST_ZZZ: '' })),
    ).toEqual([
      'HOLDFAST_JWT_SECRETS: unknown variable, did you mean HOLDFAST_JWT_SECRET?',
      'HOLDFAST_PORT_FILE: unknown variable',
      'HOLDFAST_ZZZ: unknown variable',
    ]);
  });

  it('does not report the variables of the holdfast command', () => {
    expect(load({ HOLDFAST_CLI_TOKEN: 'x' }).port).toBe(8000);
  });

  it('does not report the variables of Kubernetes Services, unless one overrides a variable of the gateway', () => {
    const links = {
      HOLDFAST_SERVICE_HOST: '10.0.0.1',
      HOLDFAST_SERVICE_PORT: '80',
      HOLDFAST_SERVICE_PORT_HTTP: '80',
      HOLDFAST_PORT_80_TCP: 'tcp://10.0.0.1:80',
      HOLDFAST_PORT_80_TCP_ADDR: '10.0.0.1',
      HOLDFAST_REDIS_SERVICE_HOST: '10.0.0.2',
      HOLDFAST_REDIS_PORT: 'tcp://10.0.0.2:6379',
      HOLDFAST_REDIS_PORT_6379_TCP_PROTO: 'tcp',
    };
    expect(load(links).port).toBe(8000);
    expect(problemsOf(() => load({ ...links, HOLDFAST_PORT: 'tcp://10.0.0.1:80' }))).toEqual([
      'HOLDFAST_PORT: expected a whole number from 0 to 65535; Kubernetes has set it to the address of a Service: set ' +
        'enableServiceLinks: false in the pod',
    ]);
  });

  it.each([
    ['a list', '- port', 'expected a YAML mapping in the file'],
    ['invalid YAML', 'port: 1\nnode: "open', 'expected valid YAML, see line 2, column 12 of the file (MISSING_CHAR)'],
    ['a member twice', 'port: 1\nport: 2', 'expected valid YAML, see line 2, column 1 of the file (DUPLICATE_KEY)'],
    ['an unknown tag', 'node: !env NAME', 'expected valid YAML, see line 1, column 7 of the file (TAG_RESOLVE_FAILED)'],
    ['two documents', 'port: 1\n---\nport: 2', 'expected valid YAML, see line 2, column 1 of the file (MULTIPLE_DOCS)'],
    [
      'a member that would be dropped',
      'namespaces: { __proto__: { presence: true } }',
      'expected YAML without excessive aliases and without __proto__',
    ],
  ])('reports a file with %s', (_, yaml, problem) => {
    expect(problemsOf(() => loadYaml(yaml))).toEqual([`HOLDFAST_CONFIG: ${problem}`]);
  });

  it('reports a file that cannot be read', () => {
    expect(problemsOf(() => load({ HOLDFAST_CONFIG: '/none' }))).toEqual([
      'HOLDFAST_CONFIG: expected the path of a readable UTF-8 file (ENOENT)',
    ]);
  });

  it('reports an empty section, with or without a variable for it', () => {
    expect(problemsOf(() => loadYaml('auth:'))).toEqual(['auth: expected a mapping']);
    expect(problemsOf(() => loadYaml('auth:', { HOLDFAST_ANONYMOUS: 'true' }))).toEqual(['auth: expected a mapping']);
  });

  it.each([
    ['HOLDFAST_PORT', ['-1', '65536', '0x10', ' 80', '1e3', 'NaN', 'eighty']],
    ['HOLDFAST_SETTLE_SECONDS', ['-0.1', '601', '10s', '.5', 'Infinity']],
    ['HOLDFAST_ANONYMOUS', ['1', 'TRUE', 'no']],
    ['HOLDFAST_BROKER', ['redis', '//redis:6379', 'redis://', 'REDIS://redis', 'redis://a b']],
    ['HOLDFAST_JWT_SECRET', ['short', ',', `${SECRET},short`, 'x'.repeat(31)]],
    ['HOLDFAST_ADMIN_KEYS', ['short', 'key with spaces in it']],
    ['HOLDFAST_API_KEYS', ['short', ' ', `${'k'.repeat(15)}ü`, 'key with spaces in it']],
    [
      'HOLDFAST_ALLOWED_ORIGINS',
      [
        'example.com',
        'https://example.com/',
        'https://Example.com',
        'https://*example.com',
        'https://a.*.com',
        'https://*.',
      ],
    ],
    [
      'HOLDFAST_JWT_PUBLIC_KEY',
      [
        'key',
        pem(generateKeyPairSync('rsa', { modulusLength: 1024 })),
        pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
        pem(generateKeyPairSync('x25519')),
        generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
        PUBLIC_KEY.replace(/^M/m, 'A'),
        `${PUBLIC_KEY}and more`,
        PUBLIC_KEY + pem(generateKeyPairSync('x25519')),
      ],
    ],
    [
      'HOLDFAST_JWKS_URL',
      ['issuer.example/keys', 'file:///etc/keys', 'https://', 'https://me:secret@issuer.example/keys', 'https://a b'],
    ],
    [
      'HOLDFAST_WEBHOOK_SECRET',
      [
        'a-secret-without-the-prefix-of-a-webhook',
        `whsec_${Buffer.alloc(23).toString('base64')}`,
        `whsec_${Buffer.alloc(65).toString('base64')}`,
        `${WEBHOOK_SECRET}!`,
        `${WEBHOOK_SECRET},whsec_`,
      ],
    ],
  ])('reports these values of %s', (name, texts) => {
    for (const text of texts) {
      expect(
        problemsOf(() => load({ [name]: text })),
        text,
      ).toEqual([expect.stringMatching(`^${name}: expected `)]);
    }
  });

  it.each([
    ['HOLDFAST_ALLOWED_ORIGINS', ['*', 'http://localhost:*', 'capacitor://localhost', 'https://[::1]:8443']],
    ['HOLDFAST_BROKER', ['memory:', 'redis+sentinel://:pw@a:26379,b:26379/main', 'pubsub://project/topic']],
    [
      'HOLDFAST_JWT_PUBLIC_KEY',
      [
        PUBLIC_KEY,
        pem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
        pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
        `${PUBLIC_KEY}\n${pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }))}`,
      ],
    ],
    ['HOLDFAST_JWKS_URL', ['http://localhost:8080', 'https://issuer.example/.well-known/jwks.json?tenant=1']],
    ['HOLDFAST_WEBHOOK_SECRET', [WEBHOOK_SECRET, `${WEBHOOK_SECRET}, ${OTHER_WEBHOOK_SECRET}`]],
  ])('does not report these values of %s', (name, texts) => {
    for (const text of texts)
      expect(
        problemsOf(() => load({ [name]: text })),
        text,
      ).toEqual([]);
  });

  it('reports a webhook whose requests could not be signed', () => {
    for (const name of ['HOLDFAST_AUTHORIZATION_URL', 'HOLDFAST_EVENTS_URL']) {
      expect(problemsOf(() => load({ [name]: 'https://backend.example/' }))).toEqual([
        'webhooks.secrets: expected in HOLDFAST_WEBHOOK_SECRET: requests to a webhook are signed',
      ]);
    }
  });

  it('does not contain values', () => {
    const settings = settingsOf(describeConfig('production'));
    const marker = 'p4ssw0rd';
    const value = fc
      .tuple(fc.constantFrom('', 'tcp://', '-', '{', '"', '&a ', '!!', '- ', '\n', '*'), fc.string(), fc.string())
      .map(([start, before, after]) => `${start}${before}${marker}${after}`);
    const inVariable = fc
      .constantFrom(...settings.flatMap(({ description: { env } }) => env ?? []), 'HOLDFAST_UNKNOWN')
      .chain((name) => fc.tuple(fc.constantFrom(name, `${name}_FILE`, 'HOLDFAST_CONFIG'), value))
      .map(
        ([name, text]) =>
          () =>
            load({ [name]: text, HOLDFAST_LOG_LEVEL: 'loud' }, {}),
      );
    const inSecretFile = fc
      .constantFrom('HOLDFAST_BROKER_FILE', 'HOLDFAST_JWT_SECRET_FILE', 'HOLDFAST_WEBHOOK_SECRET_FILE')
      .chain((name) => fc.tuple(fc.constant(name), value))
      .map(
        ([name, text]) =>
          () =>
            load({ [name]: '/secret', HOLDFAST_LOG_LEVEL: 'loud' }, { '/secret': text }),
      );
    // Names of members are reported: a text that YAML could read as one is quoted.
    const scalar = value.map((text) => (/[:?{}\r\n]/.test(text) ? JSON.stringify(text) : text));
    const inFile = fc
      .tuple(fc.constantFrom(...settings.map(({ path }) => path)), scalar)
      .map(([path, text]) => `${path.map((name, depth) => `${' '.repeat(depth)}${name}:`).join('\n')} ${text}\n`)
      .map((yaml) => () => loadYaml(yaml, { HOLDFAST_LOG_LEVEL: 'loud' }));

    fc.assert(
      fc.property(fc.oneof(inVariable, inSecretFile, inFile), (action) => {
        try {
          action();
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(inspect(error, { depth: null, showHidden: true })).not.toContain(marker);
          return;
        }
        expect.unreachable('the log level is bad');
      }),
      { numRuns: 1_000 },
    );
  });
});
