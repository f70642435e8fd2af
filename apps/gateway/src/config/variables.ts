import { closest } from './closest.js';
import { CONFIG_VARIABLE } from './config-file.js';
import type { Description, DescribedSetting } from './description.js';
import { unreadable, type ReadFile } from './read-file.js';

const PREFIX = 'HOLDFAST_';

/** Variables of the `holdfast` command, which may run in the same environment. */
const CLI_PREFIX = 'HOLDFAST_CLI_';

const CLI_VARIABLES: ReadonlySet<string> = new Set(['HOLDFAST_URL']);

/** Set by Kubernetes for each Service whose name starts with "holdfast", unless the pod has `enableServiceLinks: false`. */
const SERVICE_LINK =
  /^HOLDFAST_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

const SERVICE_ADDRESS = /^(?:tcp|udp|sctp):\/\//;

/** A variable that is set, and its setting. */
export interface Variable {
  readonly name: string;
  readonly setting: DescribedSetting;
  /** Its value, or the content of the file that it names. */
  readonly text: string;
  /** The file that it names. */
  readonly file?: string;
}

/** Reads the variables of these settings. An empty variable counts as unset, since templates often leave them. */
export function readVariables(
  env: NodeJS.ProcessEnv,
  settings: readonly DescribedSetting[],
  readFile: ReadFile,
): { variables: Variable[]; problems: string[] } {
  const variables: Variable[] = [];
  const problems: string[] = [];
  const known = new Set([CONFIG_VARIABLE]);
  for (const setting of settings) {
    const { env: name, file } = setting.description;
    if (name === undefined) continue;
    known.add(name);
    const text = env[name] ?? '';
    if (text !== '') variables.push({ name, setting, text });
    if (file === undefined) continue;
    const fileName = `${name}_FILE`;
    known.add(fileName);
    const path = env[fileName] ?? '';
    if (path === '') continue;
    if (text !== '') problems.push(`${name}: expected either this or ${fileName}, not both`);
    try {
      variables.push({ name: fileName, setting, text: readFile(path), file: path });
    } catch (error) {
      problems.push(unreadable(fileName, error));
    }
  }
  for (const [name, text = ''] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || name.startsWith(CLI_PREFIX) || CLI_VARIABLES.has(name)) continue;
    if (!known.has(name) && !isServiceLink(name, text)) {
      problems.push(`${name}: unknown variable${suggestion(name, known)}`);
    }
  }
  return { variables, problems };
}

function isServiceLink(name: string, text: string): boolean {
  return SERVICE_LINK.test(name) || (name.endsWith('_PORT') && SERVICE_ADDRESS.test(text));
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  const suffixes = [...known].filter((other) => other.startsWith(PREFIX)).map((other) => other.slice(PREFIX.length));
  const match = closest(name.slice(PREFIX.length), suffixes);
  return match === undefined ? '' : `, did you mean ${PREFIX}${match}?`;
}

/** Why a variable has a value that nobody set, if so. Follows the expected value. */
export function serviceLinkHint({ name, text }: Variable): string {
  if (!name.endsWith('_PORT') || !SERVICE_ADDRESS.test(text)) return '';
  return '; Kubernetes has set it to the address of a Service: set enableServiceLinks: false in the pod';
}

/** The value of a secret file. An empty file means no secrets, so that removing the last one revokes it. */
export function parseFile(text: string, description: Description): unknown {
  return description.type === 'array' && text.trim() === '' ? [] : parseText(text, description);
}

/** The text as a value of its setting's type, or unchanged if it is not one: then validation refuses it. */
export function parseText(text: string, { type }: Description): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'array': {
      const items = text
        .split(/[\n,]/)
        .map((item) => item.trim())
        .filter((item) => item !== '');
      return items.length === 0 ? text : items;
    }
    default:
      return text.replace(/[\r\n]+$/, '');
  }
}
