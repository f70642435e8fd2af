import { isMap, isScalar, LineCounter, parseDocument, type Pair, type YAMLMap } from 'yaml';

/** A value of the chart, as documented in values.yaml. */
export interface ChartValue {
  readonly name: string;
  readonly default: unknown;
  /** In Markdown. */
  readonly description: string;
  /** JSON Schema keywords from its `@schema` comment, in addition to those that the default implies. */
  readonly hints: Readonly<Record<string, unknown>>;
  /** The section of the README that begins with this value. */
  readonly section: string | undefined;
  /** The members of a mapping; empty if the mapping may contain anything. */
  readonly members: readonly ChartValue[];
}

const SCHEMA = /^@schema\s+/;
const SECTION = /^#\s+/;

/**
 * Reads values.yaml.
 *
 * @throws Error if the file is not a mapping.
 */
export function readChartValues(text: string): ChartValue[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new Error('values.yaml: expected a YAML mapping', { cause: document.errors });
  }
  const lines = text.split('\n');

  const readMap = (map: YAMLMap, path: readonly string[]): ChartValue[] =>
    map.items.map((pair) => readPair(pair, path));

  const readPair = ({ key, value }: Pair, parent: readonly string[]): ChartValue => {
    if (!isScalar(key) || !key.range) throw new Error(`values.yaml: expected plain keys in ${parent.join('.')}`);
    const name = String(key.value);
    const path = [...parent, name];
    const comments = commentsAbove(lines, lineCounter.linePos(key.range[0]).line);
    const hints = Object.assign(
      {},
      ...comments.filter((line) => SCHEMA.test(line)).map((line) => readHints(path, line.replace(SCHEMA, ''))),
    ) as ChartValue['hints'];
    return {
      name,
      default: document.getIn(path) === null ? null : toJs(value),
      description: comments.filter((line) => !SCHEMA.test(line) && !SECTION.test(line)).join(' '),
      hints,
      section: sectionAbove(lines, lineCounter.linePos(key.range[0]).line),
      members: isMap(value) ? readMap(value, path) : [],
    };
  };

  const toJs = (node: unknown): unknown =>
    typeof node === 'object' && node !== null && 'toJS' in node
      ? (node as { toJS(of: typeof document): unknown }).toJS(document)
      : node;

  return readMap(document.contents, []);
}

/** The lines of the comment that ends right above `line` (from 1), without their `# `. */
function commentsAbove(lines: readonly string[], line: number): string[] {
  const comments: string[] = [];
  for (let index = line - 2; index >= 0; index--) {
    const comment = /^\s*# ?(.*)$/.exec(lines[index] ?? '')?.[1];
    if (comment === undefined) break;
    comments.unshift(comment);
  }
  return comments;
}

/** The heading `## …` between the previous value and the one at `line`. */
function sectionAbove(lines: readonly string[], line: number): string | undefined {
  for (let index = line - 2; index >= 0; index--) {
    const text = lines[index] ?? '';
    const heading = /^## (.*)$/.exec(text)?.[1];
    if (heading !== undefined) return heading;
    if (!/^\s*(#.*)?$/.test(text)) return undefined;
  }
  return undefined;
}

function readHints(path: readonly string[], text: string): object {
  const { contents, errors } = parseDocument(text);
  if (errors.length > 0 || !isMap(contents))
    throw new Error(`values.yaml: ${path.join('.')}: @schema is not a mapping`);
  return contents.toJSON() as object;
}
