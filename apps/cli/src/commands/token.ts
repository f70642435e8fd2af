import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Option, type Command } from 'commander';
import { SignJWT, type JWTPayload } from 'jose';
import { parseDuration, parseLength } from '../arguments.js';
import { EXIT, Failure } from '../failure.js';
import type { Io } from '../io.js';
import { readSecret, readSecretFile } from '../secrets.js';
import type { Terminal } from '../terminal.js';

const SECRET = 'HOLDFAST_JWT_SECRET';

/** A gateway refuses shorter ones (RFC 7518, section 3.2). */
const MIN_SECRET_BYTES = 32;

/** In ms. */
const DEFAULT_LIFETIME = 3_600_000;

const MAX_USER_LENGTH = 200;
const MAX_CHANNEL_LENGTH = 255;

interface TokenOptions {
  readonly user?: string;
  readonly channel?: string[];
  readonly publish?: string[];
  readonly info?: string;
  readonly expires: number;
  readonly issuer?: string;
  readonly audience?: string;
  readonly subscription?: string;
  readonly secretFile?: string;
  readonly privateKeyFile?: string;
  readonly kid?: string;
}

interface SigningKey {
  readonly key: Uint8Array | KeyObject;
  readonly alg: string;
}

export function addTokenCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('token')
    .summary('mint a development token')
    .description(
      'Mints a JSON Web Token for development, and prints it. ' +
        `It is signed with the secret of the gateway (HS256), from ${SECRET} or a file; of several with the first. ` +
        'Or with a private key, whose public key the gateway has. In production the backend mints them.',
    )
    .option('-u, --user <user>', 'whose token it is (claim sub)', parseLength(MAX_USER_LENGTH))
    .option('-c, --channel <pattern...>', 'channels to subscribe to, * stands for any characters (claim channels)')
    .option('-p, --publish <pattern...>', 'channels to publish to, * stands for any characters (claim publish)')
    .option('-i, --info <json>', 'what presence shows to others (claim info)')
    .addOption(
      new Option('-e, --expires <duration>', 'when it expires: 30s, 5m, 1h, 7d')
        .argParser(parseDuration)
        .default(DEFAULT_LIFETIME, '1h'),
    )
    .addOption(
      new Option('-s, --subscription <channel>', 'mint a subscription token for this channel (claim channel)')
        .argParser(parseLength(MAX_CHANNEL_LENGTH))
        .conflicts(['channel', 'publish', 'info']),
    )
    .option('--issuer <issuer>', 'the claim iss, where the gateway asks for one')
    .option('--audience <audience>', 'the claim aud, where the gateway asks for one')
    .option('--secret-file <path>', `a file with the secret, instead of ${SECRET}`)
    .addOption(
      new Option('--private-key-file <path>', 'a file with a PEM private key (RSA, EC or Ed25519), instead of a secret')
        // Whichever was meant, the other would go unnoticed.
        .conflicts('secretFile'),
    )
    .option('--kid <id>', 'the name of the key in the token (header kid), where the gateway has a key set')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast token --user alice --channel 'chat:*' --publish 'chat:*'
  $ holdfast token --user alice --info '{"name":"Alice"}' --expires 7d --secret-file jwt-secret
  $ holdfast token --user alice --subscription chat:lobby
  $ holdfast token --user alice --channel '*' --private-key-file private.pem
  $ HOLDFAST_CLI_TOKEN=$(holdfast token --user alice --channel '*') holdfast tail chat:lobby`,
    )
    .action(async (options: TokenOptions) => {
      terminal.print(await mint({ ...claimsOf(options), ...gatewayClaims(options) }, options, signingKey(options, io)));
    });
}

function claimsOf({ user, channel, publish, info, subscription }: TokenOptions): JWTPayload {
  if (subscription !== undefined) return { ...(user === undefined ? {} : { sub: user }), channel: subscription };
  if (user === undefined) throw new Failure(EXIT.usage, 'say whose token it is with --user');
  return {
    sub: user,
    ...(channel === undefined ? {} : { channels: patterns('--channel', channel) }),
    ...(publish === undefined ? {} : { publish: patterns('--publish', publish) }),
    ...(info === undefined ? {} : { info: parseInfo(info) }),
  };
}

function gatewayClaims({ issuer, audience }: TokenOptions): JWTPayload {
  return { ...(issuer === undefined ? {} : { iss: issuer }), ...(audience === undefined ? {} : { aud: audience }) };
}

function patterns(option: string, given: string[]): string[] {
  if (given.every((pattern) => pattern !== '' && pattern.length <= MAX_CHANNEL_LENGTH)) return given;
  throw new Failure(EXIT.usage, `${option}: give patterns of 1 to ${MAX_CHANNEL_LENGTH} characters`);
}

function parseInfo(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(EXIT.usage, `--info: give JSON, such as '{"name":"Alice"}'`);
  }
}

function signingKey({ secretFile, privateKeyFile }: TokenOptions, { env }: Io): SigningKey {
  if (privateKeyFile !== undefined) return privateKey(readSecretFile('--private-key-file', privateKeyFile));
  const secrets = readSecret({ option: '--secret-file', file: secretFile, variable: SECRET, env });
  // As the gateway reads it: several, of which each verifies.
  const secret = secrets
    ?.split(/[\n,]/)
    .map((item) => item.trim())
    .find((item) => item !== '');
  if (secret === undefined) {
    throw new Failure(
      EXIT.usage,
      `there is no secret to sign with: set ${SECRET} to the gateway's, or give --secret-file`,
    );
  }
  const key = new TextEncoder().encode(secret);
  if (key.length >= MIN_SECRET_BYTES) return { key, alg: 'HS256' };
  throw new Failure(EXIT.usage, `the secret is shorter than ${MIN_SECRET_BYTES} bytes, which a gateway does not take`);
}

function privateKey(pem: string): SigningKey {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Node's message would tell nothing that helps.
  }
  const alg = key && algorithmOf(key);
  if (key !== undefined && alg !== undefined) return { key, alg };
  throw new Failure(
    EXIT.usage,
    '--private-key-file: give a PEM private key without a passphrase: RSA, EC P-256, P-384 or P-521, or Ed25519',
  );
}

/** RFC 7518, section 3.1, and RFC 8037. */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  switch (asymmetricKeyType) {
    case 'rsa':
      return 'RS256';
    case 'ed25519':
      return 'EdDSA';
    case 'ec':
      return { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }[asymmetricKeyDetails?.namedCurve ?? ''];
    default:
      return undefined;
  }
}

function mint(claims: JWTPayload, { expires, kid }: TokenOptions, { key, alg }: SigningKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(expires / 1000))
    .sign(key);
}
