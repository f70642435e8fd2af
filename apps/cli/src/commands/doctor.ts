import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { CATALOGUE, FINDING_IDS, LAYERS, type FindingId, type LayerName } from '../doctor/catalogue/index.js';
import { examine } from '../doctor/examine.js';
import { probeChannel } from '../doctor/probes/messages.js';
import { isHealthy, printAsJson, printAsText } from '../doctor/report.js';
import { loadKubernetes } from '../doctor/snapshot/read.js';
import { EXIT, Failure } from '../failure.js';
import { isWebSocketUrl, parseGatewayUrl } from '../gateway-url.js';
import type { Io } from '../io.js';
import { firstOf, gatewayClaims, readSigningKey, signToken } from '../jwt.js';
import { readSecret } from '../secrets.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import { parseAddress, type PartialAddress } from '../verify/address.js';

/** In ms: longer than the defaults of 30 s that some load balancers have. */
const DEFAULT_IDLE = 40_000;

/** The lifetime of the generated token, in ms. */
const TOKEN_LIFETIME = 10 * 60_000;

const USER = 'holdfast-doctor';

/** The variable with the key of the admin API. */
const ADMIN_KEY = 'HOLDFAST_CLI_ADMIN_KEY';

interface DoctorOptions {
  readonly namespace?: string;
  readonly deployment?: string;
  readonly kubeContext?: string;
  readonly url?: string;
  readonly address?: PartialAddress;
  readonly idle: number | false;
  readonly only?: readonly (readonly FindingId[])[];
  readonly json?: true;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly adminKeyFile?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

export function addDoctorCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('doctor')
    .summary('find out what is wrong with a gateway on Kubernetes')
    .description(
      'Looks at everything between the browser and the broker, and names what is broken, the evidence, and what mends it: ' +
        'the first one first, without its consequences. It reads the cluster with the credentials of kubectl, changes nothing, ' +
        'reads no Secret, and needs no more than the role view. It says what it could not examine. If it can reach the pods, directly or by forwarding ' +
        'ports, it asks them about the broker and sends messages between them. ' +
        'docs/troubleshooting.md explains every finding.',
    )
    .option('-n, --namespace <name>', "the namespace (default: that of kubectl's context)")
    .option('-d, --deployment <name>', 'the Deployment (default: the only one that runs Holdfast)')
    .option('--kube-context <name>', "the context of kubectl's configuration (default: the current one)")
    .option('--url <url>', 'the WebSocket as clients use it (default: the hosts of its Ingresses and HTTPRoutes)')
    .addOption(
      new Option(
        '--address <host[:port]>',
        'the address of the ingress, if DNS does not resolve its host here',
      ).argParser(parseAddress),
    )
    .addOption(
      new Option('--idle <duration>', 'how long to watch an idle WebSocket: 40s, 5m')
        .argParser(parseDuration)
        .default(DEFAULT_IDLE, '40s'),
    )
    .option('--no-idle', 'do not watch one')
    .addOption(
      new Option(
        '--only <finding...>',
        `look for these only: numbers such as HF201, or parts: ${Object.keys(LAYERS).join(', ')}`,
      ).argParser((text: string, previous: DoctorOptions['only']) => [...(previous ?? []), parseFinding(text)]),
    )
    .option('--json', 'print one JSON object')
    .option('--secret-file <path>', 'a file with the secret to sign a token with, instead of HOLDFAST_JWT_SECRET')
    .option('--token-file <path>', 'a file with a token, instead of HOLDFAST_CLI_TOKEN; then none is generated')
    .option('--admin-key-file <path>', `a file with a key of the admin API, instead of ${ADMIN_KEY}`)
    .option('--issuer <issuer>', 'the claim iss, if the gateway requires one')
    .option('--audience <audience>', 'the claim aud, if the gateway requires one')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast doctor --namespace chat
  $ holdfast doctor --namespace chat --only HF201 broker --json
  $ holdfast doctor --namespace chat --url wss://chat.example.com/ws --idle 5m

Exits with ${EXIT.failed} if something has to be mended; advice does not count.`,
    )
    .action(async (options: DoctorOptions) => {
      const url = options.url === undefined ? undefined : parseGatewayUrl(options.url);
      if (url !== undefined && !isWebSocketUrl(url))
        throw new Failure(EXIT.usage, '--url: expected the URL of the WebSocket, such as wss://chat.example.com/ws');
      const channel = probeChannel();
      const config = await loadConfig(options, io);
      const diagnosis = await examine(config, {
        namespace: options.namespace ?? (config.getContextObject(config.getCurrentContext())?.namespace || 'default'),
        deployment: options.deployment,
        url,
        address: options.address,
        idle: options.idle === false ? 0 : options.idle,
        only: new Set(options.only?.flat() ?? FINDING_IDS),
        token: await makeToken(channel, options, io),
        channel,
        adminKey: readAdminKey(options, io),
        notice: (text) => terminal.notice(text),
      });
      if (options.json === true) printAsJson(diagnosis, terminal);
      else printAsText(diagnosis, terminal);
      if (!isHealthy(diagnosis)) throw new Failure(EXIT.failed, `first: ${diagnosis.findings[0]?.id}`);
    });
}

/** The first admin key; undefined if there is none. @throws Failure */
function readAdminKey({ adminKeyFile: file }: DoctorOptions, { env }: Io): string | undefined {
  const keys = readSecret({ option: '--admin-key-file', file, variable: ADMIN_KEY, env });
  return keys === undefined ? undefined : firstOf(keys);
}

/** @throws Failure */
async function loadConfig({ kubeContext }: DoctorOptions, { env }: Io) {
  const { KubeConfig } = await loadKubernetes();
  const config = new KubeConfig();
  const file = env['KUBECONFIG'];
  try {
    if (file === undefined || file === '' || file.includes(':')) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new Failure(EXIT.usage, `kubectl's configuration cannot be read${code}: check KUBECONFIG`);
  }
  if (kubeContext === undefined) return config;
  if (config.getContextObject(kubeContext) === null) {
    throw new Failure(
      EXIT.usage,
      `--kube-context: there is no context ${kubeContext}; see kubectl config get-contexts`,
    );
  }
  config.setCurrentContext(kubeContext);
  return config;
}

/** The configured token, or one for the channel of the probe; undefined if there is no secret to sign it. */
async function makeToken(channel: string, options: DoctorOptions, { env }: Io): Promise<string | undefined> {
  const given = readToken(options.tokenFile, env);
  if (given !== undefined) return given;
  const key = readSigningKey(options.secretFile, env);
  if (key === undefined) return undefined;
  const claims = { sub: USER, channels: [channel], publish: [channel], ...gatewayClaims(options) };
  return signToken(claims, TOKEN_LIFETIME, key);
}

/** A number, or all of a part. */
function parseFinding(text: string): readonly FindingId[] {
  const id = text.toUpperCase();
  if (id in CATALOGUE) return [id as FindingId];
  if (text in LAYERS) return Object.keys(LAYERS[text as LayerName].entries) as FindingId[];
  throw new InvalidArgumentError(
    `Expected a number of docs/troubleshooting.md, such as HF201, or one of ${Object.keys(LAYERS).join(', ')}.`,
  );
}
