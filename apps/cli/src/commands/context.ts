import type { Command } from 'commander';
import { contextNamed, readContexts, writeContexts, type Context } from '../contexts.js';
import { EXIT, Failure } from '../failure.js';
import { displayUrl, parseGatewayUrl, WEBSOCKET_URL } from '../gateway-url.js';
import type { Io } from '../io.js';
import { jsonOption } from '../options.js';
import { printable, printableJson } from '../printable.js';
import { readSecretFile } from '../secrets.js';
import type { Terminal } from '../terminal.js';

const NAME = /^[\w.-]{1,63}$/;

interface AddOptions {
  readonly url: string;
  readonly tokenFile?: string;
  readonly apiKeyFile?: string;
  readonly adminUrl?: string;
  readonly adminKeyFile?: string;
  readonly json?: true;
}

interface JsonOptions {
  readonly json?: true;
}

export function addContextCommand(program: Command, io: Io, terminal: Terminal): void {
  const context = program
    .command('context')
    .summary('remember gateways, and what opens them')
    .description(
      'Remembers gateways by name, with a token and keys, in a file that only you can read: ' +
        '~/.config/holdfast/contexts.json, or HOLDFAST_CLI_CONTEXTS. Secrets are never printed. ' +
        'Every command uses the context in use, or the one of --context, unless the URL is given in another way.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast context add prod --url wss://gateway.example.com/ws --api-key-file key
  $ holdfast context use prod
  $ holdfast --context staging tail chat:lobby`,
    );

  context
    .command('add')
    .summary('add or replace a context, and use it')
    .description(
      'Adds or replaces a context, and uses it from now on. The files are read once, and their content is stored.',
    )
    .argument('<name>', 'its name')
    .requiredOption('--url <url>', `the gateway, such as ${WEBSOCKET_URL}`)
    .option('--token-file <path>', 'a file with a token')
    .option('--api-key-file <path>', 'a file with a key of the HTTP API')
    .option('--admin-url <url>', 'the management port of a pod')
    .option('--admin-key-file <path>', 'a file with a key of the admin API')
    .addOption(jsonOption())
    .action((name: string, options: AddOptions) => {
      if (!NAME.test(name)) throw new Failure(EXIT.usage, 'name: expected 1 to 63 of A-Z a-z 0-9 _ . -');
      const before = readContexts(io.env);
      writeContexts(io.env, { current: name, contexts: { ...before.contexts, [name]: contextOf(options) } });
      report(terminal, options, { context: name, current: true }, `using ${name}`);
    });

  context
    .command('use')
    .summary('use a context from now on')
    .description('Uses a context from now on.')
    .argument('<name>', 'its name')
    .addOption(jsonOption())
    .action((name: string, options: JsonOptions) => {
      const contexts = readContexts(io.env);
      contextNamed(contexts, name);
      writeContexts(io.env, { ...contexts, current: name });
      report(terminal, options, { context: name, current: true }, `using ${name}`);
    });

  context
    .command('list')
    .summary('list the contexts')
    .description('Lists the contexts, the one in use with a *, and which secrets each has.')
    .addOption(jsonOption())
    .action((options: JsonOptions) => {
      const { current, contexts } = readContexts(io.env);
      for (const [name, one] of Object.entries(contexts)) {
        const has = (['token', 'apiKey', 'adminKey'] as const).filter((secret) => one[secret] !== undefined);
        const isCurrent = name === current;
        const line = [isCurrent ? '*' : ' ', name, shown(one.url), has.join(', ')].join('  ').trimEnd();
        const adminUrl = one.adminUrl === undefined ? {} : { adminUrl: shown(one.adminUrl) };
        report(terminal, options, { context: name, url: shown(one.url), ...adminUrl, has, current: isCurrent }, line);
      }
    });

  context
    .command('remove')
    .summary('remove a context')
    .description('Removes a context with its secrets.')
    .argument('<name>', 'its name')
    .addOption(jsonOption())
    .action((name: string, options: JsonOptions) => {
      const all = readContexts(io.env);
      contextNamed(all, name);
      const { [name]: _, ...contexts } = all.contexts;
      writeContexts(io.env, { ...(all.current === name ? {} : { current: all.current }), contexts });
      report(terminal, options, { context: name, removed: true }, `removed ${name}`);
    });
}

function contextOf({ url, tokenFile, apiKeyFile, adminUrl, adminKeyFile }: AddOptions): Context {
  parseGatewayUrl(url);
  if (adminUrl !== undefined) parseGatewayUrl(adminUrl, '--admin-url');
  return {
    url,
    ...(tokenFile === undefined ? {} : { token: readSecretFile('--token-file', tokenFile) }),
    ...(apiKeyFile === undefined ? {} : { apiKey: readSecretFile('--api-key-file', apiKeyFile) }),
    ...(adminUrl === undefined ? {} : { adminUrl }),
    ...(adminKeyFile === undefined ? {} : { adminKey: readSecretFile('--admin-key-file', adminKeyFile) }),
  };
}

/** Without its query, which may contain a token. */
function shown(url: string): string {
  return printable(displayUrl(parseGatewayUrl(url)));
}

function report(terminal: Terminal, { json }: JsonOptions, value: object, line: string): void {
  terminal.print(json ? printableJson(value) : line);
}
