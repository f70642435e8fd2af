import type { MigrationResult } from '@holdfast/broadcast/postgres-migration';
import { Option, type Command } from 'commander';
import { EXIT, Failure } from '../failure.js';
import type { Io } from '../io.js';
import { jsonOption } from '../options.js';
import { printableJson } from '../printable.js';
import { readSecret, readSecretFile } from '../secrets.js';
import type { Terminal } from '../terminal.js';

/** The variables of the gateway: the command may run in its environment. */
const BROKER = 'HOLDFAST_BROKER';
const BROKER_FILE = `${BROKER}_FILE`;

interface MigrateOptions {
  readonly url?: string;
  readonly urlFile?: string;
  readonly grant?: readonly string[];
  readonly json?: true;
}

export function addMigrateCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('migrate')
    .summary('create or migrate the schema in PostgreSQL')
    .description(
      'Creates the schema of the PostgreSQL broker, or brings it to the version of this release. It may run while pods of the ' +
        'former release use the schema, and it may run again.',
    )
    .addOption(
      new Option('--url <url>', `the URL of the broker without a password, instead of ${BROKER}`).conflicts('urlFile'),
    )
    .option('--url-file <path>', `a file with the URL, instead of ${BROKER_FILE}`)
    .option('--grant <role>', 'grant a role what pods need, and no right to create; repeatable', collect)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The role in the URL needs the right to create the schema, or owns it. The pods can then have another role.

Examples:
  $ HOLDFAST_BROKER=postgres://owner:$PASSWORD@database/app holdfast migrate
  $ holdfast migrate --url 'postgres://owner@database/app?passwordFile=/run/secrets/owner' --grant gateway`,
    )
    .action(async (options: MigrateOptions) => {
      const { grant = [] } = options;
      const result = await migrate(readUrl(options, io), grant);
      if (options.json) {
        terminal.print(printableJson({ ...result, granted: grant }));
        return;
      }
      terminal.print(summary(result));
      for (const role of grant) terminal.print(`granted the rights of a pod to the role ${role}`);
    });
}

function collect(value: string, former: readonly string[] = []): readonly string[] {
  return [...former, value];
}

/** The URL, which may contain a password. */
function readUrl({ url, urlFile }: MigrateOptions, { env }: Io): string {
  if (url !== undefined) {
    if (/^[^/?#]*\/\/[^/?#@]*:[^/?#]*@/.test(url)) {
      throw new Failure(
        EXIT.usage,
        `--url: every user of this machine can read a password there: use --url-file, ${BROKER} or passwordFile`,
      );
    }
    return url;
  }
  const source = { option: '--url-file', file: urlFile, variable: BROKER, env };
  const path = env[BROKER_FILE];
  const found = readSecret(source) ?? (path ? readSecretFile(BROKER_FILE, path) : undefined);
  if (found === undefined) throw new Failure(EXIT.usage, `expected ${BROKER}, ${BROKER_FILE}, --url or --url-file`);
  return found;
}

async function migrate(url: string, roles: readonly string[]): Promise<MigrationResult> {
  // The client for PostgreSQL is not loaded for other commands.
  const library = await import('@holdfast/broadcast/postgres-migration');
  try {
    return await library.migrateDatabase(url, roles);
  } catch (error) {
    if (error instanceof library.BrokerUrlError) throw new Failure(EXIT.usage, `the broker URL: ${error.message}`);
    if (error instanceof library.RefusedError) throw new Failure(EXIT.failed, error.message);
    if (error instanceof library.BrokerUnavailableError || error instanceof library.BrokerUnknownError) {
      throw new Failure(EXIT.unreachable, error.message);
    }
    throw error;
  }
}

function summary({ schema, from, to }: MigrationResult): string {
  if (from === 0) return `created the schema ${schema}, version ${to}`;
  if (from === to) return `the schema ${schema} has version ${to}: nothing to migrate`;
  return `migrated the schema ${schema} from version ${from} to ${to}`;
}
