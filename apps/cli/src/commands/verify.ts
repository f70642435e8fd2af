import { randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/client';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseCount, parseDuration } from '../arguments.js';
import { EXIT, Failure } from '../failure.js';
import { asApiUrl, isWebSocketUrl, parseGatewayUrl, urlOption, WEBSOCKET_URL, webSocketUrlOf } from '../gateway-url.js';
import { publishOverHttp } from '../http-api.js';
import type { Io } from '../io.js';
import { firstOf, gatewayClaims, readSigningKey, signToken } from '../jwt.js';
import { jsonOption } from '../options.js';
import type { Publish } from '../publication.js';
import { refusal } from '../refusal.js';
import { API_KEY, readSecret } from '../secrets.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import { addressOf, parseAddress, type PartialAddress } from '../verify/address.js';
import { checkClientIpAffinity, checkCookieAffinity } from '../verify/affinity.js';
import { Deadline } from '../verify/deadline.js';
import type { Destination } from '../verify/destination.js';
import type { Gateway, Pod } from '../verify/gateway.js';
import { checkMessages } from '../verify/messages.js';
import { findPods } from '../verify/pods.js';
import { Report } from '../verify/report.js';
import { checkResume } from '../verify/resume.js';
import { untilHeard } from '../verify/until-heard.js';

const GATEWAY_PORT = 8000;

/** In ms. */
const DEFAULT_TIMEOUT = 60_000;

/** The lifetime of the generated token beyond the timeout, in ms. */
const SPARE_LIFETIME = 60_000;

const USER = 'holdfast-verify';

/** The characters of channel names, without users' own channels (libs/protocol). */
const NAMESPACE = /^[\w./%#-]{1,100}$/;

const AFFINITIES = ['none', 'clientIP', 'cookie'] as const;

interface VerifyOptions {
  readonly url?: string;
  readonly pods?: PartialAddress;
  readonly expectPods: number;
  readonly affinity: (typeof AFFINITIES)[number];
  readonly ingressUrl?: string;
  readonly ingressAddress?: PartialAddress;
  readonly cookie: string;
  readonly namespace: string;
  readonly apiKeyFile?: string;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly timeout: number;
  readonly json?: true;
}

export function addVerifyCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('verify')
    .summary('check a running gateway with all its pods')
    .description(
      'Checks a running gateway: connects to each pod, publishes across pods, breaks a connection and resumes on another ' +
        'pod, and checks whether affinity keeps clients on their pod. Prints one line per check with its result: ' +
        'ok, fail, or skip if the check is not possible. Made for helm test, and safe for a gateway in production.',
    )
    .addOption(urlOption())
    .addOption(
      new Option(
        '--pods <host[:port]>',
        `a DNS name with the addresses of the pods, such as the headless Service (default: the host of --url; port ${GATEWAY_PORT})`,
      ).argParser(parseAddress),
    )
    .option('--expect-pods <n>', 'wait for this many pods', parseCount(), 1)
    .addOption(new Option('--affinity <mode>', 'the affinity mode to check').choices(AFFINITIES).default('none'))
    .option('--ingress-url <url>', 'the WebSocket through the ingress, for the affinity cookie')
    .option(
      '--ingress-address <host[:port]>',
      'the address of the ingress, if DNS does not resolve its host',
      parseAddress,
    )
    .option('--cookie <name>', 'the name of the cookie', 'route')
    .option('--namespace <name>', 'the namespace of the channels to publish to', parseNamespace, 'verify')
    .option(
      '--api-key-file <path>',
      'a file with the API key, instead of HOLDFAST_CLI_API_KEY; without one the API is skipped',
    )
    .option('--secret-file <path>', 'a file with the secret to sign a token with, instead of HOLDFAST_JWT_SECRET')
    .option('--token-file <path>', 'a file with a token, instead of HOLDFAST_CLI_TOKEN; then none is generated')
    .option('--issuer <issuer>', 'the claim iss, if the gateway requires one')
    .option('--audience <audience>', 'the claim aud, if the gateway requires one')
    .addOption(
      new Option('--timeout <duration>', 'the time limit for all checks: 30s, 5m')
        .argParser(parseDuration)
        .default(DEFAULT_TIMEOUT, '60s'),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast verify
  $ holdfast verify --url ws://holdfast.default.svc/ws --pods holdfast-headless.default.svc --expect-pods 3
  $ holdfast verify --url ws://holdfast.default.svc/ws --pods holdfast-headless.default.svc \\
        --affinity cookie --ingress-url wss://chat.example.com/ws`,
    )
    .action(async (options: VerifyOptions) => {
      const report = new Report(terminal, options.json);
      await verify(options, io, report);
      if (report.failed > 0) throw new Failure(EXIT.failed, `${report.failed} of ${report.checks} checks failed`);
    });
}

async function verify(options: VerifyOptions, io: Io, report: Report): Promise<void> {
  const { namespace, timeout, affinity } = options;
  const service = destinationOf('--url', options.url ?? webSocketUrlOf(undefined, io.env).href);
  const ingress = options.ingressUrl === undefined ? undefined : destinationOf('--ingress-url', options.ingressUrl);
  const channel = `${namespace}:verify-${randomBytes(6).toString('hex')}`;
  const token = await makeToken(channel, options, io);
  const deadline = new Deadline(timeout);
  const publishByApi = publisher(service.url, options, io);

  const pods = await run('pods', { report, deadline }, () => searchPods(options, { service, token, deadline }));
  if (pods === undefined) return;
  report.ok('pods', `${pods.length}: ${pods.map(({ node }) => node).join(', ')}`);
  if (pods.length === 1) report.skip('pods', 'checks across pods are not possible with one pod (see --pods)');
  const gateway: Gateway = { pods, token, publishByApi, deadline };

  const messages = await run('messages', { report, deadline }, () => checkMessages(gateway, `${channel}-messages`));
  if (messages !== undefined) report.ok('messages', messages);
  const resume = await run('resume', { report, deadline }, () => checkResume(gateway, `${channel}-resume`));
  if (typeof resume === 'string') report.ok('resume', resume);
  else if (resume !== undefined) report.skip('resume', resume.skipped);
  await checkAffinity(
    { mode: affinity, cookie: options.cookie, service, ingress: redirected(ingress, options), gateway },
    report,
  );
}

/** Runs one check, and reports if it fails or there is no time left for it. */
async function run<T>(
  name: string,
  { report, deadline }: { report: Report; deadline: Deadline },
  check: () => Promise<T>,
): Promise<T | undefined> {
  if (deadline.left === 0) {
    report.skip(name, 'there was no time left for it (see --timeout)');
    return undefined;
  }
  try {
    return await check();
  } catch (error) {
    const failure = error instanceof HoldfastError ? refusal('refused', error) : error;
    if (!(failure instanceof Failure)) throw error;
    report.fail(name, failure.message);
    return undefined;
  }
}

function searchPods(
  { pods, expectPods }: VerifyOptions,
  { service, token, deadline }: { service: Destination; token: string | undefined; deadline: Deadline },
): Promise<[Pod, ...Pod[]]> {
  const { pathname: path } = service.url;
  return findPods({
    ...(pods === undefined
      ? { destinations: [service] }
      : { name: { host: pods.host, port: pods.port ?? GATEWAY_PORT }, path }),
    token,
    expected: expectPods,
    deadline,
  });
}

interface Affinity {
  readonly mode: VerifyOptions['affinity'];
  readonly cookie: string;
  readonly service: Destination;
  readonly ingress: Destination | undefined;
  readonly gateway: Gateway;
}

async function checkAffinity({ mode, cookie, service, ingress, gateway }: Affinity, report: Report): Promise<void> {
  if (mode === 'none') return;
  if (gateway.pods.length === 1) return report.skip('affinity', `${mode}: with one pod there is nowhere else to go`);
  const seen = await run('affinity', { report, deadline: gateway.deadline }, async () => {
    if (mode === 'clientIP') return untilHeard(() => checkClientIpAffinity(service, gateway), gateway.deadline);
    if (ingress === undefined) return undefined;
    return untilHeard(() => checkCookieAffinity(ingress, gateway, cookie), gateway.deadline);
  });
  if (seen !== undefined) report.ok('affinity', seen);
  else if (mode === 'cookie' && ingress === undefined) report.skip('affinity', 'cookie: use --ingress-url to check it');
}

function destinationOf(option: string, text: string): Destination {
  const url = parseGatewayUrl(text, option);
  if (!isWebSocketUrl(url))
    throw new Failure(EXIT.usage, `${option}: expected the URL of the WebSocket, such as ${WEBSOCKET_URL}`);
  return { url, address: addressOf(url) };
}

/** The ingress, with the address of --ingress-address. */
function redirected(ingress: Destination | undefined, { ingressAddress }: VerifyOptions): Destination | undefined {
  if (ingress === undefined || ingressAddress === undefined) return ingress;
  const { host, port } = ingressAddress;
  return { ...ingress, address: { host, port: port ?? ingress.address.port } };
}

/** The configured token, or a generated one for these channels; undefined if there is no secret to sign it. */
async function makeToken(channel: string, options: VerifyOptions, { env }: Io): Promise<string | undefined> {
  const given = readToken(options.tokenFile, env);
  if (given !== undefined) return given;
  const key = readSigningKey(options.secretFile, env);
  if (key === undefined) return undefined;
  const channels = [`${channel}*`];
  const claims = { sub: USER, channels, publish: channels, ...gatewayClaims(options) };
  return signToken(claims, options.timeout + SPARE_LIFETIME, key);
}

/** The HTTP API of the same gateway; undefined if there is no API key. */
function publisher(webSocket: URL, { apiKeyFile, timeout }: VerifyOptions, { env }: Io): Publish | undefined {
  const keys = readSecret({ option: '--api-key-file', file: apiKeyFile, variable: API_KEY, env });
  const apiKey = keys === undefined ? undefined : firstOf(keys);
  if (apiKey === undefined) return undefined;
  return publishOverHttp({ url: asApiUrl(webSocket), apiKey, timeout });
}

function parseNamespace(text: string): string {
  if (!NAMESPACE.test(text)) throw new InvalidArgumentError('Expected the name of a namespace, such as chat.');
  return text;
}
