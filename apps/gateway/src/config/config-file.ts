import { LineCounter, parseDocument } from 'yaml';
import { readTextFile, unreadable, type ReadFile } from './read-file.js';

/** The variable that names the configuration file. */
export const CONFIG_VARIABLE = 'HOLDFAST_CONFIG';

/** The members of the YAML 1.2 file at `path`, not validated yet; none if it cannot be used. */
export function readConfigFile(
  path: string,
  readFile: ReadFile = readTextFile,
): { members: Record<string, unknown>; problems: string[] } {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return { members: {}, problems: [unreadable(CONFIG_VARIABLE, error)] };
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true, logLevel: 'error' });
  // Their messages quote the file, so only code and position are reported.
  const problems = [...document.errors, ...document.warnings].map(({ code, pos: [offset] }) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${CONFIG_VARIABLE}: expected valid YAML, see line ${line}, column ${col} of the file (${code})`;
  });
  if (problems.length > 0) return { members: {}, problems };
  let members: unknown;
  try {
    members = document.toJS({ reviver: refuseProto }) ?? {};
  } catch {
    return {
      members: {},
      problems: [`${CONFIG_VARIABLE}: expected YAML without excessive aliases and without __proto__`],
    };
  }
  if (typeof members !== 'object' || Array.isArray(members)) {
    return { members: {}, problems: [`${CONFIG_VARIABLE}: expected a YAML mapping in the file`] };
  }
  return { members: { ...members }, problems };
}

/** zod silently drops a member of a record with this name. */
function refuseProto(name: unknown, value: unknown): unknown {
  if (name === '__proto__') throw new RangeError('__proto__ is not allowed as a member');
  return value;
}
