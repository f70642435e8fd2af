import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { addChannelsCommand } from './commands/channels.js';
import { addCompletionCommand } from './commands/completion.js';
import { addConfigCommand } from './commands/config.js';
import { addConnectionsCommand } from './commands/connections.js';
import { addContextCommand } from './commands/context.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addHistoryCommand } from './commands/history.js';
import { addMigrateCommand } from './commands/migrate.js';
import { addPresenceCommand } from './commands/presence.js';
import { addPublishCommand } from './commands/publish.js';
import { addTailCommand } from './commands/tail.js';
import { addTokenCommand } from './commands/token.js';
import { addTopCommand } from './commands/top.js';
import { addUserCommands } from './commands/users.js';
import { addVerifyCommand } from './commands/verify.js';
import { contextVariables } from './contexts.js';
import { EXIT, Failure, type ExitCode } from './failure.js';
import { isUrlOption } from './gateway-url.js';
import type { Io } from './io.js';
import { Terminal } from './terminal.js';

/**
 * Runs the command.
 *
 * @param args without the paths of Node and of the script.
 * @returns the exit code, once all output is written.
 */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const terminal = new Terminal(io);
  const exitCode = await runProgram(args, io, terminal);
  await terminal.flush();
  if (terminal.outputError === undefined) return exitCode;
  terminal.error(`cannot write to stdout (${terminal.outputError.code ?? 'unknown'})`);
  return EXIT.failed;
}

async function runProgram(args: readonly string[], io: Io, terminal: Terminal): Promise<ExitCode> {
  const program = createProgram(io, terminal);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Failure) {
      terminal.error(error.message);
      return error.exitCode;
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    // Without arguments, the help has already been printed on stderr.
    if (error.code !== 'commander.help') {
      const command = program.commands.find((candidate) => candidate.name() === args[0]) ?? program;
      terminal.error(`${usageMessage(error)} (see ${helpOf(command)})`);
    }
    return EXIT.usage;
  }
}

/** The command with all its subcommands: the table of which help, completion and docs/cli.md are made. */
export function createProgram(process: Io, terminal: Terminal): Command {
  // The context in use stands in for variables that are not set.
  const io: Io = { ...process, env: { ...process.env } };
  const { stdout, stderr } = io;
  const program = new Command('holdfast')
    .description('Works with a Holdfast gateway from the command line.')
    .version(readVersion(), '-V, --version')
    .option('--context <name>', 'the context to use, instead of the one of holdfast context use')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      // Reported in one place, with every other failure.
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns ?? DEFAULT_WIDTH,
      getErrHelpWidth: () => stderr.columns ?? DEFAULT_WIDTH,
      getOutHasColors: () => terminal.hasColors(stdout),
      getErrHasColors: () => terminal.hasColors(stderr),
    })
    .hook('preAction', (_, command) => {
      if (!command.options.some(isUrlOption)) return;
      const { context } = program.opts<{ context?: string }>();
      const { url, adminUrl } = command.opts<{ url?: string; adminUrl?: string }>();
      const given = { context, url: url !== undefined, adminUrl: adminUrl !== undefined };
      Object.assign(io.env, contextVariables(io.env, given));
    })
    .configureHelp({ styleTitle: (title) => styleText('bold', title, { validateStream: false }) })
    .addHelpText(
      'after',
      `
Environment:
  HOLDFAST_URL             the gateway: the URL of its WebSocket or its HTTP API
  HOLDFAST_CLI_TOKEN       the token to connect with
  HOLDFAST_CLI_API_KEY     the key of the HTTP API
  HOLDFAST_CLI_ADMIN_URL   the management port of a pod
  HOLDFAST_CLI_ADMIN_KEY   the key of the admin API on the management port
  HOLDFAST_CLI_CONTEXT     the context to use
  HOLDFAST_CLI_CONTEXTS    the file of contexts (default: ~/.config/holdfast/contexts.json)
  HOLDFAST_BROKER          the broker's URL, for migrate (HOLDFAST_BROKER_FILE: a file with it)
  HOLDFAST_JWT_SECRET      the secret that tokens are signed with, for token and verify
  NO_COLOR                 no colours, even on a terminal`,
    )
    .addHelpText(
      'afterAll',
      `
Exit codes:
  ${EXIT.ok}   success
  ${EXIT.failed}   the gateway or the database refused or failed
  ${EXIT.usage}   wrong usage
  ${EXIT.unreachable}  no gateway or database could be reached in time
  ${EXIT.config}  a configuration is not valid`,
    );
  addTokenCommand(program, io, terminal);
  addPublishCommand(program, io, terminal);
  addTailCommand(program, io, terminal);
  addHistoryCommand(program, io, terminal);
  addPresenceCommand(program, io, terminal);
  addChannelsCommand(program, io, terminal);
  addConnectionsCommand(program, io, terminal);
  addTopCommand(program, io, terminal);
  addUserCommands(program, io, terminal);
  addVerifyCommand(program, io, terminal);
  addDoctorCommand(program, io, terminal);
  addMigrateCommand(program, io, terminal);
  addConfigCommand(program, io, terminal);
  addContextCommand(program, io, terminal);
  addCompletionCommand(program, terminal);
  return program;
}

/** The number of columns if the output is not a terminal. */
const DEFAULT_WIDTH = 100;

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function helpOf(command: Command): string {
  return [command.parent?.name(), command.name(), '--help'].filter(Boolean).join(' ');
}

/** On one line, without values that may be a misplaced secret. */
function usageMessage({ message }: CommanderError): string {
  return message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/^(unknown option '[^'=]*)=.*'/, "$1'")
    .replace(/^(too many arguments .* but got \d+):.*/, '$1');
}
