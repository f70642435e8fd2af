import { Option, type Command } from 'commander';
import { parseDuration } from './arguments.js';
import { ADMIN_URL_VARIABLE } from './contexts.js';
import { EXIT, Failure } from './failure.js';
import { apiUrlOf, gatewayOption, parseGatewayUrl } from './gateway-url.js';
import type { HttpApi } from './http-api.js';
import type { Io } from './io.js';
import { firstOf } from './jwt.js';
import { ADMIN_KEY, API_KEY, readSecret } from './secrets.js';

/** In ms. */
const DEFAULT_TIMEOUT = 10_000;

const ADMIN_URL = 'http://localhost:8001';

export function jsonOption(): Option {
  return new Option('-j, --json', 'print a JSON object per line');
}

export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'the time limit: 500ms, 30s, 5m')
    .argParser(parseDuration)
    .default(DEFAULT_TIMEOUT, '10s');
}

export function apiKeyOption(): Option {
  return new Option('--api-key-file <path>', `a file with the API key, instead of ${API_KEY}`);
}

export function tokenOption(): Option {
  return new Option('--token-file <path>', 'a file with the token, instead of HOLDFAST_CLI_TOKEN');
}

export function addAdminOptions(command: Command): Command {
  return command
    .addOption(
      gatewayOption(
        '--admin-url <url>',
        `the management port of a pod, instead of ${ADMIN_URL_VARIABLE} (default: ${ADMIN_URL})`,
      ),
    )
    .addOption(new Option('--admin-key-file <path>', `a file with the admin key, instead of ${ADMIN_KEY}`));
}

export interface ApiOptions {
  readonly url?: string;
  readonly apiKeyFile?: string;
  readonly timeout: number;
}

/**
 * The HTTP API of the gateway, which answers for all pods.
 *
 * @throws Failure
 */
export function apiOf({ url, apiKeyFile, timeout }: ApiOptions, { env }: Pick<Io, 'env'>): HttpApi {
  const apiKey = readKey('--api-key-file', apiKeyFile, API_KEY, env);
  if (apiKey === undefined) {
    throw new Failure(EXIT.usage, `this requires an API key: set ${API_KEY} or --api-key-file`);
  }
  return { url: apiUrlOf(url, env), apiKey, timeout };
}

/** Whether there is a key for {@link apiOf}. */
export function hasApiKey({ apiKeyFile }: ApiOptions, { env }: Pick<Io, 'env'>): boolean {
  return apiKeyFile !== undefined || Boolean(env[API_KEY]);
}

export interface AdminOptions {
  readonly adminUrl?: string;
  readonly adminKeyFile?: string;
  readonly timeout: number;
}

/**
 * The admin API of one pod.
 *
 * @throws Failure
 */
export function adminOf({ adminUrl, adminKeyFile, timeout }: AdminOptions, { env }: Pick<Io, 'env'>): HttpApi {
  const apiKey = readKey('--admin-key-file', adminKeyFile, ADMIN_KEY, env);
  if (apiKey === undefined) {
    throw new Failure(EXIT.usage, `this requires a key of the admin API: set ${ADMIN_KEY} or --admin-key-file`);
  }
  const [source, text] =
    adminUrl === undefined ? [ADMIN_URL_VARIABLE, env[ADMIN_URL_VARIABLE]] : ['--admin-url', adminUrl];
  return {
    url: parseGatewayUrl(text || ADMIN_URL, source),
    apiKey,
    timeout,
    advice: {
      unauthorized: `check ${ADMIN_KEY} or --admin-key-file`,
      notFound: 'set HOLDFAST_ADMIN_KEYS in the gateway (auth.adminKeys.enabled in the chart), or check --admin-url',
      unreachable: 'see --admin-url; in a cluster: kubectl port-forward deployment/holdfast 8001',
    },
  };
}

function readKey(
  option: string,
  file: string | undefined,
  variable: string,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const keys = readSecret({ option, file, variable, env });
  return keys === undefined ? undefined : firstOf(keys);
}
