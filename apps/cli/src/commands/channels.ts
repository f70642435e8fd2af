import type { Command } from 'commander';
import { columns } from '../columns.js';
import { urlOption } from '../gateway-url.js';
import type { Io } from '../io.js';
import {
  addAdminOptions,
  adminOf,
  apiKeyOption,
  apiOf,
  jsonOption,
  timeoutOption,
  type AdminOptions,
  type ApiOptions,
} from '../options.js';
import { entriesOf } from '../pages.js';
import { printable, printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

const FAILED = 'cannot list the channels';

interface ChannelsOptions extends ApiOptions, AdminOptions {
  readonly prefix?: string;
  readonly pod?: true;
  readonly json?: true;
}

interface PodChannel {
  readonly channel: string;
  readonly subscribers: number;
  readonly rate: number;
  readonly epoch: string;
  readonly offset: number;
  readonly history?: number;
}

export function addChannelsCommand(program: Command, io: Io, terminal: Terminal): void {
  const command = program
    .command('channels')
    .summary('list the channels that have subscribers')
    .description(
      'Lists the channels that have subscribers on any pod, by the HTTP API. With --pod, asks the admin API of one pod: its channels ' +
        'with subscribers, publications per second, position, and the size of the history.',
    )
    .option('-p, --prefix <text>', 'only names with this prefix')
    .option('--pod', 'ask one pod')
    .addOption(jsonOption())
    .addOption(urlOption('http://localhost:8000'))
    .addOption(apiKeyOption())
    .addOption(timeoutOption());
  addAdminOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast channels --prefix chat:
  $ holdfast channels --pod --json | jq 'select(.rate > 100)'`,
    )
    .action(async (options: ChannelsOptions) => {
      const { prefix, pod, json } = options;
      const [api, path] = pod ? [adminOf(options, io), 'admin/channels'] : [apiOf(options, io), 'api/channels'];
      for await (const entries of entriesOf(api, { path, query: { prefix }, member: 'channels', failed: FAILED })) {
        for (const line of json ? jsonLines(entries) : linesOf(entries)) terminal.print(line);
        if (terminal.isOutputClosed) return;
      }
    });
}

function jsonLines(entries: readonly unknown[]): string[] {
  return entries.map((entry) => printableJson(typeof entry === 'string' ? { channel: entry } : entry));
}

function linesOf(entries: readonly unknown[]): string[] {
  if (entries.every((entry) => typeof entry === 'string')) return entries.map(printable);
  return columns(
    (entries as PodChannel[]).map(({ channel, subscribers, rate, epoch, offset, history }) => [
      channel,
      `${subscribers} subscribers`,
      `${rate}/s`,
      `${epoch}:${offset}`,
      history === undefined ? 'history unknown' : `${history} in history`,
    ]),
  );
}
