import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../arguments.js';
import { EXIT, Failure } from '../failure.js';
import { urlOption } from '../gateway-url.js';
import { call } from '../http-api.js';
import type { Io } from '../io.js';
import { apiKeyOption, apiOf, jsonOption, timeoutOption, type ApiOptions } from '../options.js';
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

interface UserOptions extends ApiOptions {
  readonly json?: true;
}

interface BlockOptions extends UserOptions {
  readonly for?: number;
  readonly until?: number;
}

/** What is done to users: disconnect, block and unblock. */
export function addUserCommands(program: Command, io: Io, terminal: Terminal): void {
  userCommand(program, 'disconnect', 'close all connections of a user')
    .description(
      'Closes all connections of a user, on all pods. They do not reconnect by themselves, but the user may connect again: see ' +
        'holdfast block.',
    )
    .action(async (user: string, options: UserOptions) => {
      await change(user, 'disconnect', { options, io, failed: 'not disconnected' });
      print(terminal, options, { user, disconnected: true }, `disconnected ${user}`);
    });

  userCommand(program, 'block', 'close all connections of a user, and refuse new ones')
    .description('Closes all connections of a user, and refuses new ones for a time of up to 30 days.')
    .addOption(
      new Option('--for <duration>', 'for how long: 30s, 5m, 1h, 7d').argParser(parseDuration).conflicts('until'),
    )
    .option('--until <time>', 'until when: 2030-01-31T12:00:00Z', parseTime)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast block mallory --for 1d
  $ holdfast block mallory --until 2030-01-31T12:00:00Z`,
    )
    .action(async (user: string, options: BlockOptions) => {
      const until = options.until ?? (options.for === undefined ? undefined : Date.now() + options.for);
      if (until === undefined) throw new Failure(EXIT.usage, 'expected for how long: use --for or --until');
      await change(user, 'disconnect', { options, io, failed: 'not blocked', body: { until } });
      print(terminal, options, { user, until }, `blocked ${user} until ${new Date(until).toISOString()}`);
    });

  userCommand(program, 'unblock', 'let a blocked user connect again')
    .description('Ends the blocks of a user, who may connect again at once.')
    .action(async (user: string, options: UserOptions) => {
      await change(user, 'unblock', { options, io, failed: 'not unblocked' });
      print(terminal, options, { user, unblocked: true }, `unblocked ${user}`);
    });
}

function userCommand(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .summary(summary)
    .argument('<user>', 'the user')
    .addOption(jsonOption())
    .addOption(urlOption('http://localhost:8000'))
    .addOption(apiKeyOption())
    .addOption(timeoutOption());
}

interface Change {
  readonly options: UserOptions;
  readonly io: Io;
  readonly failed: string;
  readonly body?: object;
}

async function change(user: string, action: string, { options, io, failed, body = {} }: Change): Promise<void> {
  const path = `api/users/${encodeURIComponent(user)}/${action}`;
  await call(apiOf(options, io), { method: 'POST', path, body, failed, onTimeout: 'it may have been done: repeat it' });
}

function print(terminal: Terminal, { json }: UserOptions, value: object, line: string): void {
  terminal.print(json ? printableJson(value) : line);
}

function parseTime(text: string): number {
  const time = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('Expected a time such as 2030-01-31T12:00:00Z.');
  return time;
}
