import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { API_KEY, startGateway } from '../apps/gateway/test/support/gateway.js';
import { signToken } from '../apps/gateway/test/support/tokens.js';
import { EXAMPLES, ROOT, type Example } from './doc-examples.js';

/** How examples are checked that are not compiled or run here, and why. */
interface Unchecked {
  readonly page: string;
  /** All of the page without this. */
  readonly languages?: readonly string[];
  readonly check: 'elsewhere' | 'syntax';
  readonly why: string;
}

const UNCHECKED = JSON.parse(readFileSync(join(ROOT, '.ci/unchecked-examples.json'), 'utf8')) as readonly Unchecked[];

function matches({ page, languages }: Unchecked, example: Example): boolean {
  return page === example.page && languages?.includes(example.language) !== false;
}

/** How an example is checked: compiled or parsed, unless it is listed. */
function checkOf(example: Example): Unchecked['check'] | 'here' {
  return UNCHECKED.find((each) => matches(each, example))?.check ?? 'here';
}

/** What examples take from their application, and from examples above them on the page. */
const CONTEXT = `
  declare function show(...what: unknown[]): void;
  declare function reload(): void;
  declare function add(member: import('@holdfast/client').Member): void;
  declare function remove(member: import('@holdfast/client').Member): void;
  declare function list(members: readonly import('@holdfast/client').Member[], count: number): void;
  declare const client: import('@holdfast/client').Holdfast<{ 'chat:*': { text: string } }>;
`;

/** What examples of a page take from its text, in place of that. */
const CONTEXT_OF: Readonly<Record<string, string>> = {
  'docs/patterns.md': "declare const client: import('@holdfast/client').Holdfast;",
};

/** It changes the types of the whole program; .ci/packages.spec.ts checks that it does. */
const REGISTERS = /^declare module '@holdfast\/react'/m;

const of = (...languages: string[]): Example[] => EXAMPLES.filter(({ language }) => languages.includes(language));
const scripts = of('ts', 'tsx', 'js').filter((example) => checkOf(example) !== 'elsewhere');

function syntaxErrors({ text, name }: Example): string[] {
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true, fileName: `${name}.tsx` });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** A folder in the workspace, so that examples find its packages. */
function temporaryFolder(): string {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache/examples-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('examples of the documentation', () => {
  it('are found, and each is in a language that is checked or listed as unchecked', () => {
    const checkedHere = new Set(['ts', 'tsx', 'js', 'json', 'yaml', 'sh', 'python', 'go', 'text', '']);
    const unchecked = EXAMPLES.filter((example) => checkOf(example) === 'here' && !checkedHere.has(example.language));
    expect(unchecked.map(({ name, language }) => `${name} ${language}`)).toEqual([]);
    const stale = UNCHECKED.filter((each) => !EXAMPLES.some((example) => matches(each, example)));
    expect(stale).toEqual([]);
    expect(scripts.length).toBeGreaterThan(5);
    expect(of('sh').length).toBeGreaterThan(20);
  });

  it('in TypeScript and JavaScript compile strictly against the packages', () => {
    const folder = temporaryFolder();
    const compiled = scripts.filter((example) => checkOf(example) === 'here' && !REGISTERS.test(example.text));
    for (const example of scripts) expect(syntaxErrors(example), example.name).toEqual([]);
    const names = new Map(
      compiled.map(({ name, page, language, text }, index) => {
        const path = join(folder, `${index}.${language === 'tsx' ? 'tsx' : 'ts'}`);
        writeFileSync(path, `${CONTEXT_OF[page] ?? ''}${text}\nexport {};\n`);
        return [path, name];
      }),
    );
    const context = join(folder, 'context.d.ts');
    writeFileSync(context, CONTEXT);
    const program = ts.createProgram([...names.keys(), context], {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2024.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      customConditions: ['source'],
      jsx: ts.JsxEmit.ReactJSX,
      types: [],
    });
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      const name = names.get(file?.fileName ?? '') ?? file?.fileName;
      return `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
    expect(compiled.length).toBeGreaterThan(4);
  });

  it('in JSON, YAML, Python and shell are parsed', () => {
    for (const { text, name } of of('json')) expect(() => JSON.parse(text) as unknown, name).not.toThrow();
    for (const { text, name } of of('yaml')) {
      for (const { errors } of parseAllDocuments(text)) expect(errors, name).toEqual([]);
    }
    const texts = JSON.stringify(of('python').map(({ text, name }) => [text, name]));
    const parse = 'import ast, json, sys\nfor text, name in json.load(sys.stdin): ast.parse(text, name)';
    const python = spawnSync('python3', ['-c', parse], { input: texts, encoding: 'utf8' });
    expect([python.status, python.stderr]).toEqual([0, '']);
    // All at once, because a process for each takes minutes on a busy machine.
    const shell = of('sh');
    const all = shell.map(({ text }, index) => `block_${index}() {\n:\n${text}\n}\n`).join('');
    if (spawnSync('bash', ['-n'], { input: all }).status === 0) return;
    for (const { text, name } of shell) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect(`${status} ${stderr}`, name).toBe('0 ');
    }
    expect.unreachable('a block is valid only without the others');
  });

  // Pieces of programs too: gofmt reads lists of declarations and of statements.
  it.skipIf(spawnSync('gofmt', { input: '' }).status !== 0)('in Go are parsed', () => {
    for (const { text, name } of of('go')) {
      const { status, stderr } = spawnSync('gofmt', ['-e'], { input: text, encoding: 'utf8' });
      expect(`${status} ${stderr}`, name).toBe('0 ');
    }
  });

  it('that are checked elsewhere name a test that exists', () => {
    for (const { why } of UNCHECKED) {
      for (const [test] of why.matchAll(/[\w./-]+\.spec\.ts/g)) expect(existsSync(join(ROOT, test)), test).toBe(true);
    }
  });
});

describe('the examples that connect', () => {
  const PUBLISHED = { text: 'Hello from a backend', name: 'deploy-bot' };

  /** Runs the examples of a page that have this text, against a gateway, with what a page would give them. */
  async function run(page: string, marks: string): Promise<unknown[][]> {
    const gateway = await startGateway();
    const token = await signToken({ sub: 'ann', channels: ['chat:*'], publish: ['chat:*'] });
    const shown: unknown[][] = [];
    const answers = [new Response('<h1>Bad gateway</h1>', { status: 502 }), new Response(token)];
    const globals = {
      show: (...what: unknown[]) => void shown.push(what),
      reload: () => void shown.push(['reload']),
      add: () => {},
      remove: () => {},
      list: () => {},
      // The first answer is a proxy's error page.
      fetch: (url: string, init?: RequestInit) =>
        url === '/token' ? Promise.resolve(answers.shift() ?? new Response(token)) : realFetch(url, init),
      console: { ...console, log: (...what: unknown[]) => void shown.push(what), warn: () => {} },
    };
    const realFetch = fetch;
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    onTestFinished(() => void vi.unstubAllGlobals());
    const examples = EXAMPLES.filter((example) => example.page === page && example.text.includes(marks));
    expect(examples).toHaveLength(1);
    const text = (examples[0]?.text ?? '').replace(
      /wss:\/\/example\.com|ws:\/\/localhost:8000/,
      gateway.url.replace('http', 'ws'),
    );
    const path = join(temporaryFolder(), 'example.ts');
    const exported = /^const (client|socket) =/m.exec(text)?.[1] ?? '';
    writeFileSync(path, `${text}\nexport { ${exported} as connection };\n`);
    const { connection } = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as {
      connection: { close: () => unknown };
    };
    onTestFinished(async () => void (await connection.close()));
    // README's own curl.
    const response = await realFetch(`${gateway.url}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel: 'chat:lobby', data: PUBLISHED }),
    });
    expect(response.ok).toBe(true);
    return shown;
  }

  it('README: with the library, whose token comes after an error page, and which a backend publishes to', async () => {
    const shown = await run('README.md', 'new Holdfast(');
    await vi.waitFor(() =>
      expect(shown).toEqual([
        ['Hello', 'ann'],
        [PUBLISHED.text, 'a backend'],
      ]),
    );
  });

  it('README: with a plain WebSocket', async () => {
    const shown = await run('README.md', 'new WebSocket(');
    await vi.waitFor(() => expect(shown).toEqual([[1, PUBLISHED]]));
  });
});
