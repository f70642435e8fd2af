import { Option, type Command } from 'commander';
import type { JWTPayload } from 'jose';
import { parseDuration, parseLength } from '../arguments.js';
import { EXIT, Failure } from '../failure.js';
import { gatewayOption, URL_VARIABLE, webSocketUrlOf } from '../gateway-url.js';
import type { Io } from '../io.js';
import { gatewayClaims, JWT_SECRET, readPrivateKey, readSigningKey, signToken, type SigningKey } from '../jwt.js';
import { jsonOption } from '../options.js';
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';
import { checkToken, readVerificationKeys } from '../token-check.js';
import { readToken } from '../tokens.js';
import { Report } from '../verify/report.js';
import { welcomedBy, type WebSocketGateway } from '../websocket.js';

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
  readonly check?: true;
  readonly tokenFile?: string;
  readonly publicKeyFile?: string;
  readonly url?: string;
  readonly json?: true;
}

export function addTokenCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('token')
    .summary('create a development token')
    .description(
      'Creates a JSON Web Token for development, and prints it. ' +
        `It is signed with the gateway's secret (HS256) from ${JWT_SECRET} or a file, the first one if there are several, ` +
        'or with a private key whose public key the gateway has. In production the backend creates tokens. ' +
        'With --check it says why a token is refused: what is wrong with it, by the keys of the gateway as far as they are given, ' +
        'and whether a gateway accepts it.',
    )
    .option('-u, --user <user>', 'the user (claim sub)', parseLength(MAX_USER_LENGTH))
    .option('-c, --channel <pattern...>', 'channels to subscribe to, * matches any characters (claim channels)')
    .option('-p, --publish <pattern...>', 'channels to publish to, * matches any characters (claim publish)')
    .option('-i, --info <json>', 'information shown to others by presence (claim info)')
    .addOption(
      new Option('-e, --expires <duration>', 'how long it is valid: 30s, 5m, 1h, 7d')
        .argParser(parseDuration)
        .default(DEFAULT_LIFETIME, '1h'),
    )
    .addOption(
      new Option('-s, --subscription <channel>', 'create a subscription token for this channel (claim channel)')
        .argParser(parseLength(MAX_CHANNEL_LENGTH))
        .conflicts(['channel', 'publish', 'info']),
    )
    .option('--issuer <issuer>', 'the claim iss, if the gateway requires one')
    .option('--audience <audience>', 'the claim aud, if the gateway requires one')
    .option('--secret-file <path>', `a file with the secret, instead of ${JWT_SECRET}`)
    .addOption(
      new Option('--private-key-file <path>', 'a file with a PEM private key (RSA, EC or Ed25519), instead of a secret')
        // Otherwise one of them would be silently ignored.
        .conflicts('secretFile'),
    )
    .addOption(
      new Option('--check', 'check a token instead: from HOLDFAST_CLI_TOKEN or --token-file').conflicts([
        'user',
        'channel',
        'publish',
        'info',
        'subscription',
        'privateKeyFile',
        'kid',
      ]),
    )
    .option('--token-file <path>', 'with --check: a file with the token')
    .option('--public-key-file <path>', 'with --check: a file with the PEM public keys of the gateway')
    .addOption(gatewayOption('--url <url>', 'with --check: also ask this gateway, instead of HOLDFAST_URL'))
    .addOption(jsonOption())
    .option('--kid <id>', 'the id of the key (header kid), if the gateway uses a key set')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast token --user alice --channel 'chat:*' --publish 'chat:*'
  $ holdfast token --user alice --info '{"name":"Alice"}' --expires 7d --secret-file jwt-secret
  $ holdfast token --user alice --subscription chat:lobby
  $ holdfast token --user alice --channel '*' --private-key-file private.pem
  $ holdfast token --check --token-file token --secret-file jwt-secret --url wss://gateway.example.com/ws
  $ HOLDFAST_CLI_TOKEN=$(holdfast token --user alice --channel '*') holdfast tail chat:lobby`,
    )
    .action(async (options: TokenOptions) => {
      if (options.check) return check(options, io, terminal);
      const claims = { ...claimsOf(options), ...gatewayClaims(options) };
      const token = await signToken(claims, options.expires, signingKey(options, io), options.kid);
      terminal.print(options.json ? printableJson({ token }) : token);
      return undefined;
    });
}

/** In ms. */
const ANSWER_WITHIN = 10_000;

async function check(options: TokenOptions, io: Io, terminal: Terminal): Promise<void> {
  const token = readToken(options.tokenFile, io.env);
  if (token === undefined) {
    throw new Failure(EXIT.usage, 'there is no token to check: set HOLDFAST_CLI_TOKEN or --token-file');
  }
  const report = new Report(terminal, options.json);
  const { issuer, audience } = options;
  await checkToken({ token, keys: readVerificationKeys(options, io.env), issuer, audience }, report);
  if (options.url !== undefined || io.env[URL_VARIABLE]) {
    const gateway = { url: webSocketUrlOf(options.url, io.env), token, timeout: ANSWER_WITHIN };
    await askGateway(gateway, report);
  }
  if (report.failed > 0) throw new Failure(EXIT.failed, 'the token is refused');
}

async function askGateway(gateway: WebSocketGateway, report: Report): Promise<void> {
  try {
    report.ok('gateway', `accepted by ${await welcomedBy(gateway)}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    report.fail('gateway', error.message);
  }
}

function claimsOf({ user, channel, publish, info, subscription }: TokenOptions): JWTPayload {
  if (subscription !== undefined) return { ...(user === undefined ? {} : { sub: user }), channel: subscription };
  if (user === undefined) throw new Failure(EXIT.usage, 'set the user with --user');
  return {
    sub: user,
    ...(channel === undefined ? {} : { channels: patterns('--channel', channel) }),
    ...(publish === undefined ? {} : { publish: patterns('--publish', publish) }),
    ...(info === undefined ? {} : { info: parseInfo(info) }),
  };
}

function patterns(option: string, given: string[]): string[] {
  if (given.every((pattern) => pattern !== '' && pattern.length <= MAX_CHANNEL_LENGTH)) return given;
  throw new Failure(EXIT.usage, `${option}: expected patterns of 1 to ${MAX_CHANNEL_LENGTH} characters`);
}

function parseInfo(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(EXIT.usage, `--info: expected JSON, such as '{"name":"Alice"}'`);
  }
}

function signingKey({ secretFile, privateKeyFile }: TokenOptions, { env }: Io): SigningKey {
  if (privateKeyFile !== undefined) return readPrivateKey(privateKeyFile);
  const key = readSigningKey(secretFile, env);
  if (key !== undefined) return key;
  throw new Failure(
    EXIT.usage,
    `there is no secret to sign with: set ${JWT_SECRET} to the gateway's secret, or use --secret-file`,
  );
}
