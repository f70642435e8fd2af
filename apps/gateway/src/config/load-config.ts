import type { z } from 'zod';
import { closest } from './closest.js';
import { ConfigError } from './config-error.js';
import { CONFIG_VARIABLE, readConfigFile } from './config-file.js';
import { describeConfig, descriptionAt, expectationOf, pathName, settingsOf } from './description.js';
import { readTextFile, type ReadFile } from './read-file.js';
import { Reloadable } from './reloadable.js';
import { CONFIG_SCHEMA, type Settings } from './schema.js';
import { readTracing } from './tracing.js';
import { parseFile, parseText, readVariables, serviceLinkHint, type Variable } from './variables.js';

/** Both modes have the same settings and differ only in defaults. */
const DESCRIPTION = describeConfig('production');
const SETTINGS = settingsOf(DESCRIPTION);

/** A file named by a `HOLDFAST_*_FILE` variable. */
export interface SecretFile {
  readonly variable: string;
  readonly path: string;
  /**
   * Takes the file's current text.
   *
   * @returns whether it has changed.
   * @throws ConfigError if it is not valid; the previous value stays.
   */
  readonly reload: (text: string) => boolean;
}

/** Durations in ms, sizes in bytes. */
export interface Config extends Settings {
  /** Whether OpenTelemetry's variables say where to export traces. */
  readonly tracing: boolean;
  /** The files that {@link watchSecrets} reloads. */
  readonly secretFiles: readonly SecretFile[];
}

/**
 * The configuration from the environment, the file named by `HOLDFAST_CONFIG` and the defaults, in this order of
 * precedence.
 *
 * @throws ConfigError with everything that is wrong.
 */
export function loadConfig(env: NodeJS.ProcessEnv, readFile: ReadFile = readTextFile): Config {
  const path = env[CONFIG_VARIABLE] ?? '';
  const { members, problems } = path === '' ? { members: {}, problems: [] } : readConfigFile(path, readFile);
  problems.push(...takeSecrets(members));

  const { variables, problems: variableProblems } = readVariables(env, SETTINGS, readFile);
  problems.push(...variableProblems);
  for (const { setting, text, file } of variables) {
    setAt(members, setting.path, (file === undefined ? parseText : parseFile)(text, setting.description));
  }

  const { tracing, problems: tracingProblems } = readTracing(env);
  problems.push(...tracingProblems);

  const schema = CONFIG_SCHEMA[members['mode'] === 'development' ? 'development' : 'production'];
  const parse = () => {
    const result = schema.safeParse(members);
    if (result.success) return result.data;
    throw new ConfigError([...new Set(result.error.issues.flatMap(problemsOf(variables)))]);
  };

  let config: Settings | undefined;
  try {
    config = parse();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);

  const secretFiles = variables.flatMap((variable) => {
    const { name, setting, file } = variable;
    if (file === undefined) return [];
    let { text } = variable;
    return {
      variable: name,
      path: file,
      reload: (present: string) => {
        if (present === text) return false;
        text = present;
        const before = getAt(members, setting.path);
        setAt(members, setting.path, parseFile(present, setting.description));
        try {
          reloadableAt(config, setting.path).replace(reloadableAt(parse(), setting.path).current);
        } catch (error) {
          setAt(members, setting.path, before);
          throw error;
        }
        return true;
      },
    };
  });
  return { ...config, tracing, secretFiles };
}

/** Removes secrets from the file's members, and reports them. */
function takeSecrets(members: object): string[] {
  const problems: string[] = [];
  for (const { path, description } of SETTINGS) {
    if (description.secret === undefined || getAt(members, path) === undefined) continue;
    setAt(members, path, undefined);
    problems.push(`${pathName(path)}: expected in ${description.env} or ${description.env}_FILE, not in the file`);
  }
  return problems;
}

/** Reports the expected value, never the actual one. */
function problemsOf(variables: readonly Variable[]) {
  return (issue: z.core.$ZodIssue): string[] => {
    const { path, description } = descriptionAt(DESCRIPTION, issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const match = closest(key, Object.keys(description.properties ?? {}));
        const suggestion = match === undefined ? '' : `, did you mean ${pathName([...path, match])}?`;
        return `${pathName([...path, key])}: unknown member${suggestion}`;
      });
    }
    if (issue.code === 'invalid_key') {
      const { propertyNames } = descriptionAt(DESCRIPTION, path.slice(0, -1)).description;
      return [`${pathName(path)}: expected ${expectationOf(propertyNames ?? {})}`];
    }
    const expected = issue.code === 'custom' ? issue.message : `expected ${expectationOf(description)}`;
    const variable = variables.find(({ setting }) => pathName(setting.path) === pathName(path));
    if (variable === undefined) return [`${pathName(path)}: ${expected}`];
    return [`${variable.name}: ${expected}${serviceLinkHint(variable)}`];
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function getAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce((value, name) => (isObject(value) ? value[name] : undefined), root);
}

/** Leaves anything other than a section in its place alone: validation refuses it. */
function setAt(root: object, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined || !isObject(root)) return;
  if (rest.length === 0) {
    if (value === undefined) delete root[name];
    else root[name] = value;
    return;
  }
  const section = root[name] === undefined ? (root[name] = {}) : root[name];
  if (isObject(section)) setAt(section, rest, value);
}

function reloadableAt(settings: Settings, path: readonly string[]): Reloadable<unknown> {
  const value = getAt(settings, path);
  if (!(value instanceof Reloadable)) throw new TypeError(`${pathName(path)} cannot be reloaded`);
  return value;
}
