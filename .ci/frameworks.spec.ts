import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Holdfast } from '@holdfast/client';
import { compile } from 'svelte/compiler';
import ts from 'typescript';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compileScript, compileTemplate, parse } from 'vue/compiler-sfc';
import { startGateway } from '../apps/gateway/test/support/gateway.js';
import { signToken } from '../apps/gateway/test/support/tokens.js';
import { EXAMPLES, ROOT } from './doc-examples.js';

const PAGE = readFileSync(join(ROOT, 'docs/frameworks.md'), 'utf8');

/** The files of the page: blocks after a paragraph that ends with a path. */
const files = new Map(
  Array.from(PAGE.matchAll(/`([\w./-]+)`(?:[^`\n]*):\n\n```\w+\n(.*?)^```$/gms), ([, path = '', text = '']) => [
    path,
    text,
  ]),
);

let folder: string;

// In the workspace, so that the files find its packages.
beforeEach(() => {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  folder = mkdtempSync(join(ROOT, '.cache/frameworks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function write(...paths: readonly string[]): string[] {
  return paths.map((path) => {
    const text = files.get(path);
    if (text === undefined) throw new Error(`docs/frameworks.md has no file ${path}`);
    writeFileSync(join(folder, path), text);
    return join(folder, path);
  });
}

function load(path: string): Promise<unknown> {
  return import(/* @vite-ignore */ pathToFileURL(path).href);
}

describe('docs/frameworks.md', () => {
  it('has files for Vue and Svelte that compile strictly', () => {
    const program = ts.createProgram(write('holdfast.ts', 'use-channel.ts', 'channel.svelte.ts'), {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2024.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      customConditions: ['source'],
      types: [],
    });
    const problems = ts.getPreEmitDiagnostics(program);
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });

  it('has components for Vue and Svelte that their compilers accept', () => {
    const { descriptor, errors } = parse(files.get('Chat.vue') ?? '');
    expect(errors).toEqual([]);
    const { bindings = {} } = compileScript(descriptor, { id: 'chat' });
    const template = compileTemplate({
      id: 'chat',
      filename: 'Chat.vue',
      source: descriptor.template?.content ?? '',
      compilerOptions: { bindingMetadata: bindings },
    });
    expect(template.errors).toEqual([]);
    expect(template.tips).toEqual([]);
    expect(Object.keys(bindings)).toEqual(expect.arrayContaining(['messages', 'text', 'send']));
    const { warnings } = compile(files.get('Chat.svelte') ?? '', { filename: 'Chat.svelte' });
    expect(warnings.map(({ message }) => message)).toEqual([]);
  });

  it('has TypeScript without an error of syntax for every framework', () => {
    const examples = EXAMPLES.filter(({ page, language }) => page === 'docs/frameworks.md' && /^tsx?$/.test(language));
    expect(examples.length).toBeGreaterThan(8);
    for (const { text, name } of examples) {
      const { diagnostics } = ts.transpileModule(text, {
        reportDiagnostics: true,
        fileName: `${name}.tsx`,
        compilerOptions: { experimentalDecorators: true },
      });
      expect(
        diagnostics?.map(({ messageText }) => messageText),
        name,
      ).toEqual([]);
    }
  });

  it('has a composable for Vue that shows what is published, as long as its scope lives', async () => {
    const gateway = await startGateway();
    const token = await signToken({ sub: 'ann', channels: ['chat:*'], publish: ['chat:*'] });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(token)));
    onTestFinished(() => void vi.unstubAllGlobals());
    const [client = '', composable = ''] = write('holdfast.ts', 'use-channel.ts');
    writeFileSync(client, (files.get('holdfast.ts') ?? '').replace("'/ws'", `'${gateway.webSocketUrl}'`));
    const { holdfast } = (await load(client)) as { holdfast: Holdfast };
    onTestFinished(() => holdfast.close());
    const { useChannel } = (await load(composable)) as {
      useChannel: (channel: string) => { readonly value: readonly { readonly data: unknown }[] };
    };
    expect(holdfast.state).toBe('disconnected');
    const { effectScope } = await import('vue');
    const scope = effectScope();
    const messages = scope.run(() => useChannel('chat:lobby'));
    await holdfast.publish('chat:lobby', { name: 'Ann', text: 'Hello' });
    await vi.waitFor(() => expect(messages?.value.map(({ data }) => data)).toEqual([{ name: 'Ann', text: 'Hello' }]));
    scope.stop();
    await holdfast.publish('chat:lobby', { name: 'Ann', text: 'nobody is there' });
    expect(messages?.value).toHaveLength(1);
  });
});
