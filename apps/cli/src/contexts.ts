import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT, Failure } from './failure.js';
import { URL_VARIABLE } from './gateway-url.js';
import { ADMIN_KEY, API_KEY, TOKEN } from './secrets.js';

/** The variable with the path of the file of contexts. */
export const CONTEXTS_VARIABLE = 'HOLDFAST_CLI_CONTEXTS';

/** The variable with the URL of a management port. */
export const ADMIN_URL_VARIABLE = 'HOLDFAST_CLI_ADMIN_URL';

/** The variable that a member of a context stands in for. */
export const CONTEXT_VARIABLES = {
  url: URL_VARIABLE,
  token: TOKEN,
  apiKey: API_KEY,
  adminUrl: ADMIN_URL_VARIABLE,
  adminKey: ADMIN_KEY,
} as const;

/** A gateway, and what opens it. */
export type Context = { readonly url: string } & Readonly<
  Partial<Record<Exclude<keyof typeof CONTEXT_VARIABLES, 'url'>, string>>
>;

export interface Contexts {
  /** The name of the one in use. */
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The file of contexts; undefined if there is no home directory. */
function contextsPath(env: NodeJS.ProcessEnv): string | undefined {
  const given = env[CONTEXTS_VARIABLE];
  if (given) return given;
  const config = env['XDG_CONFIG_HOME'] || (env['HOME'] ? join(env['HOME'], '.config') : undefined);
  return config === undefined ? undefined : join(config, 'holdfast', 'contexts.json');
}

/** @throws Failure if the file exists and cannot be used. Its content is not in the message. */
export function readContexts(env: NodeJS.ProcessEnv): Contexts {
  const path = contextsPath(env);
  if (path === undefined) return { contexts: {} };
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isContexts(value)) return value;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === 'ENOENT') return { contexts: {} };
    if (code !== undefined) throw new Failure(EXIT.usage, `cannot read the contexts in ${path} (${code})`);
  }
  throw new Failure(EXIT.usage, `the contexts in ${path} are not valid: correct or remove the file`);
}

/** Writes the file, which only its owner may read, in one step: nobody reads half of it. */
export function writeContexts(env: NodeJS.ProcessEnv, contexts: Contexts): void {
  const path = contextsPath(env);
  if (path === undefined) throw new Failure(EXIT.usage, `there is no home directory: set ${CONTEXTS_VARIABLE}`);
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, `${JSON.stringify(contexts, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new Failure(EXIT.failed, `cannot write the contexts to ${path}${code}`);
  }
}

/** @throws Failure that lists the existing ones */
export function contextNamed({ contexts }: Contexts, name: string): Context {
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context !== undefined) return context;
  const names = Object.keys(contexts).join(', ');
  throw new Failure(
    EXIT.usage,
    `there is no context ${name}: ${names === '' ? 'add it with holdfast context add' : `there are ${names}`}`,
  );
}

/**
 * The variables of the context in use: the one of `--context`, of HOLDFAST_CLI_CONTEXT, or the one that was chosen by `context use`.
 * What is set in the environment takes precedence. If the URL comes from somewhere else, nothing of a context is used: its secrets are
 * for its own gateway.
 *
 * @param given what the command line has.
 * @throws Failure
 */
export function contextVariables(
  env: NodeJS.ProcessEnv,
  given: { readonly context: string | undefined; readonly url: boolean; readonly adminUrl: boolean },
): NodeJS.ProcessEnv {
  const { context: named } = given;
  const isElsewhere = given.url || Boolean(env[URL_VARIABLE]);
  const isOtherPod = given.adminUrl || Boolean(env[ADMIN_URL_VARIABLE]);
  if (isElsewhere && named !== undefined) {
    throw new Failure(
      EXIT.usage,
      `expected either --context or the URL of a gateway (--url, ${URL_VARIABLE}), not both`,
    );
  }
  if (isElsewhere) return {};
  const all = readContexts(env);
  const name = named ?? (env['HOLDFAST_CLI_CONTEXT'] || all.current);
  if (name === undefined) return {};
  const context: Partial<Record<string, string>> = contextNamed(all, name);
  return Object.fromEntries(
    Object.entries(CONTEXT_VARIABLES)
      .filter(([member]) => !(isOtherPod && (member === 'adminUrl' || member === 'adminKey')))
      .map(([member, variable]) => [variable, env[variable] || context[member]])
      .filter(([, value]) => value !== undefined),
  );
}

function isContexts(value: unknown): value is Contexts {
  if (!isObject(value) || !isObject(value['contexts'])) return false;
  if (value['current'] !== undefined && typeof value['current'] !== 'string') return false;
  return Object.values(value['contexts']).every(
    (context) =>
      isObject(context) &&
      typeof context['url'] === 'string' &&
      Object.values(context).every((member) => typeof member === 'string'),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
