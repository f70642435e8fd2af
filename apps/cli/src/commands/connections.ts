import type { Command } from 'commander';
import { age, bytes, columns } from '../columns.js';
import { EXIT, Failure } from '../failure.js';
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
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

const FAILED = 'cannot list the connections';

interface ConnectionsOptions extends ApiOptions, AdminOptions {
  readonly pod?: true;
  readonly channel?: string;
  readonly json?: true;
}

interface PodConnection {
  readonly id: string;
  readonly client: string;
  readonly user?: string;
  readonly address?: string;
  readonly peer?: string;
  readonly protocol?: string;
  readonly age: number;
  readonly subscriptions: number;
  readonly buffered: number;
}

interface UserConnection {
  readonly client: string;
  readonly node: string;
  readonly since: number;
}

export function addConnectionsCommand(program: Command, io: Io, terminal: Terminal): void {
  const command = program
    .command('connections')
    .summary('list the connections of a user, or of a pod')
    .description(
      'Lists the connections of a user on all pods, by the HTTP API: client, pod, and since when. Without a user, or with --pod, asks ' +
        'the admin API of one pod: id, client, user, address, age, subscriptions, and what waits to be sent.',
    )
    .argument('[user]', 'the user')
    .option('--pod', 'ask one pod')
    .option('-c, --channel <channel>', 'only those on this pod that are subscribed to the channel')
    .addOption(jsonOption())
    .addOption(urlOption('http://localhost:8000'))
    .addOption(apiKeyOption())
    .addOption(timeoutOption());
  addAdminOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast connections alice
  $ holdfast connections --channel chat:lobby
  $ holdfast connections --json | jq 'select(.buffered > 65536)'`,
    )
    .action(async (user: string | undefined, options: ConnectionsOptions) => {
      const { channel, json } = options;
      const isOfPod = user === undefined || options.pod === true;
      if (channel !== undefined && !isOfPod) throw new Failure(EXIT.usage, '--channel: requires --pod');
      const list = isOfPod
        ? { path: 'admin/connections', query: { user, channel } }
        : { path: `api/users/${encodeURIComponent(user)}/connections` };
      const api = isOfPod ? adminOf(options, io) : apiOf(options, io);
      for await (const entries of entriesOf(api, { ...list, member: 'connections', failed: FAILED })) {
        const rows = isOfPod ? podRows(entries as PodConnection[]) : userRows(entries as UserConnection[]);
        for (const line of json ? entries.map(printableJson) : columns(rows)) terminal.print(line);
        if (terminal.isOutputClosed) return;
      }
    });
}

function podRows(connections: readonly PodConnection[]): string[][] {
  return connections.map((one) => [
    one.id,
    one.client,
    one.user ?? '(anonymous)',
    one.address ?? one.peer ?? '',
    age(one.age),
    `${one.subscriptions} subscriptions`,
    one.buffered === 0 ? '' : `${bytes(one.buffered)} waiting`,
  ]);
}

function userRows(connections: readonly UserConnection[]): string[][] {
  return connections.map(({ client, node, since }) => [client, node, new Date(since).toISOString()]);
}
