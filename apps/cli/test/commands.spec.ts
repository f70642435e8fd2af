import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '../src/run.js';
import { Terminal } from '../src/terminal.js';

function commandsOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(commandsOf);
}

const stream = new PassThrough();
const io = { stdin: stream, stdout: stream, stderr: stream, env: {}, interrupted: async () => {} };
const commands = commandsOf(createProgram(io, new Terminal(io))).map((command) => [command.name(), command] as const);

it.each(commands)('holdfast %s has a description, and --json for programs', (_, command) => {
  expect(command.summary()).not.toBe('');
  expect(command.description()).not.toBe('');
  for (const { description } of [...command.registeredArguments, ...command.options]) expect(description).not.toBe('');
  expect(command.options.map(({ long }) => long)).toContain('--json');
});
