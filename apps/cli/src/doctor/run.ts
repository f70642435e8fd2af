import { EXIT, Failure } from '../failure.js';
import { isWebSocketUrl, parseGatewayUrl } from '../gateway-url.js';
import type { Io } from '../io.js';
import { firstOf, gatewayClaims, readSigningKey, signToken } from '../jwt.js';
import { readSecret } from '../secrets.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import type { PartialAddress } from '../verify/address.js';
import { CATALOGUE, FINDING_IDS, LAYERS, type FindingId, type LayerName } from './catalogue/index.js';
import { examine } from './examine.js';
import { probeChannel } from './probes/messages.js';
import { isHealthy, printAsJson, printAsText } from './report.js';
import { loadKubernetes } from './snapshot/read.js';

/** The lifetime of the generated token, in ms. */
const TOKEN_LIFETIME = 10 * 60_000;

const USER = 'holdfast-doctor';

/** What the library takes for the cluster if there is no configuration at all. */
const NO_CLUSTER = 'http://localhost:8080';

/** The variable with the key of the admin API. */
const ADMIN_KEY = 'HOLDFAST_CLI_ADMIN_KEY';

/** The options of the command. */
export interface DoctorOptions {
  readonly namespace?: string;
  readonly deployment?: string;
  readonly kubeContext?: string;
  readonly url?: string;
  readonly address?: PartialAddress;
  readonly idle: number | false;
  readonly only?: readonly string[];
  readonly json?: true;
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly adminKeyFile?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

/** Examines, and prints the result. @throws Failure if something has to be mended. */
export async function runDoctor(options: DoctorOptions, io: Io, terminal: Terminal): Promise<void> {
  const url = options.url === undefined ? undefined : parseGatewayUrl(options.url);
  if (url !== undefined && !isWebSocketUrl(url))
    throw new Failure(EXIT.usage, '--url: expected the URL of the WebSocket, such as wss://chat.example.com/ws');
  const only = new Set(options.only?.flatMap((text) => parseFinding(text)) ?? FINDING_IDS);
  const channel = probeChannel();
  const config = await loadConfig(options, io);
  const diagnosis = await examine(config, {
    namespace: options.namespace ?? (config.getContextObject(config.getCurrentContext())?.namespace || 'default'),
    deployment: options.deployment,
    url,
    address: options.address,
    idle: options.idle === false ? 0 : options.idle,
    only,
    token: await makeToken(channel, options, io),
    channel,
    adminKey: readAdminKey(options, io),
    notice: (text) => terminal.notice(text),
  });
  if (options.json === true) printAsJson(diagnosis, terminal);
  else printAsText(diagnosis, terminal);
  if (!isHealthy(diagnosis)) throw new Failure(EXIT.failed, `first: ${diagnosis.findings[0]?.id}`);
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
  if (kubeContext !== undefined) {
    if (config.getContextObject(kubeContext) === null) {
      throw new Failure(
        EXIT.usage,
        `--kube-context: there is no context ${kubeContext}; see kubectl config get-contexts`,
      );
    }
    config.setCurrentContext(kubeContext);
  }
  if ((config.getCurrentCluster()?.server ?? NO_CLUSTER) === NO_CLUSTER) {
    throw new Failure(
      EXIT.usage,
      'no cluster is configured: set KUBECONFIG to the file that kubectl uses, or choose a context with --kube-context',
    );
  }
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

/** A number, or all of a part. @throws Failure */
function parseFinding(text: string): readonly FindingId[] {
  const id = text.toUpperCase();
  if (id in CATALOGUE) return [id as FindingId];
  if (text in LAYERS) return Object.keys(LAYERS[text as LayerName].entries) as FindingId[];
  throw new Failure(
    EXIT.usage,
    `--only: expected a number of docs/troubleshooting.md, such as HF201, or one of ${Object.keys(LAYERS).join(', ')}`,
  );
}
