import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { API_KEY, startGateway } from '../apps/gateway/test/support/gateway.js';
import { signToken } from '../apps/gateway/test/support/tokens.js';
import { EXAMPLES, ROOT, type Example } from './doc-examples.js';

/** Languages of which nothing is checked here, and why. */
const UNCHECKED: Readonly<Record<string, string>> = {
  html: '.ci/getting-started.spec.ts runs the only one',
  go: 'needs the modules of a broker',
  java: 'needs the JARs of a broker',
  sql: 'apps/gateway/test/postgres runs these statements',
  '': 'output, file trees and other text',
};

/** Code of which only the syntax is checked, and why. */
const SYNTAX_ONLY: Readonly<Record<string, string>> = {
  'docs/webhooks.md': 'uses express and standardwebhooks, which are not installed here',
};

/** Code that is compiled elsewhere, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/getting-started.md': '.ci/getting-started.spec.ts compiles and runs the whole page',
};

/** What examples take from their application, and from examples above them on the page. */
const CONTEXT = `
  declare function show(...what: unknown[]): void;
  declare function reload(): void;
  declare function add(member: import('@holdfast/client').Member): void;
  declare function remove(member: import('@holdfast/client').Member): void;
  declare function list(members: readonly import('@holdfast/client').Member[], count: number): void;
  declare const client: import('@holdfast/client').Holdfast<{ 'chat:*': { text: string } }>;
`;

/** It changes the types of the whole program; .ci/packages.spec.ts checks that it does. */
const REGISTERS = /^declare module '@holdfast\/react'/m;

const of = (...languages: string[]): Example[] => EXAMPLES.filter(({ language }) => languages.includes(language));
const scripts = of('ts', 'tsx', 'js').filter(({ page }) => ELSEWHERE[page] === undefined);

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
    const known = new Set(['ts', 'tsx', 'js', 'json', 'yaml', 'sh', 'python', ...Object.keys(UNCHECKED)]);
    expect(EXAMPLES.filter(({ language }) => !known.has(language)).map(({ name }) => name)).toEqual([]);
    expect(scripts.length).toBeGreaterThan(5);
    expect(of('sh').length).toBeGreaterThan(20);
  });

  it('in TypeScript and JavaScript compile strictly against the packages', () => {
    const folder = temporaryFolder();
    const compiled = scripts.filter(({ page, text }) => SYNTAX_ONLY[page] === undefined && !REGISTERS.test(text));
    for (const example of scripts) expect(syntaxErrors(example), example.name).toEqual([]);
    const names = new Map(
      compiled.map(({ name, language, text }, index) => {
        const path = join(folder, `${index}.${language === 'tsx' ? 'tsx' : 'ts'}`);
        writeFileSync(path, `${text}\nexport {};\n`);
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
    for (const { text, name } of of('sh')) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect(`${status} ${stderr}`, name).toBe('0 ');
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
