import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { addDoctorCommand } from './commands/doctor.js';
import { addMigrateCommand } from './commands/migrate.js';
import { addPublishCommand } from './commands/publish.js';
import { addTailCommand } from './commands/tail.js';
import { addTokenCommand } from './commands/token.js';
import { addVerifyCommand } from './commands/verify.js';
import { EXIT, Failure, type ExitCode } from './failure.js';
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

function createProgram(io: Io, terminal: Terminal): Command {
  const { stdout, stderr } = io;
  const program = new Command('holdfast')
    .description('Works with a Holdfast gateway from the command line.')
    .version(readVersion(), '-V, --version')
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
    .configureHelp({ styleTitle: (title) => styleText('bold', title, { validateStream: false }) })
    .addHelpText(
      'after',
      `
Environment:
  HOLDFAST_CLI_TOKEN       the token to connect with
  HOLDFAST_CLI_API_KEY     the API key, for publish and verify
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
  ${EXIT.unreachable}  no gateway or database could be reached in time`,
    );
  addTokenCommand(program, io, terminal);
  addPublishCommand(program, io, terminal);
  addTailCommand(program, io, terminal);
  addVerifyCommand(program, io, terminal);
  addDoctorCommand(program, io, terminal);
  addMigrateCommand(program, io, terminal);
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
