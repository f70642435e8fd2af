import type { Members } from '@holdfast/client';
import type { Command } from 'commander';
import { columns } from '../columns.js';
import { urlOption, webSocketUrlOf } from '../gateway-url.js';
import { call } from '../http-api.js';
import type { Io } from '../io.js';
import { apiKeyOption, apiOf, hasApiKey, jsonOption, timeoutOption, tokenOption, type ApiOptions } from '../options.js';
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import { requestOverWebSocket } from '../websocket.js';

const FAILED = 'cannot read the members';

interface PresenceOptions extends ApiOptions {
  readonly json?: true;
  readonly tokenFile?: string;
}

export function addPresenceCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('presence')
    .summary('print who is in a channel')
    .description(
      'Prints the members of a channel, one per line: client, user and info. With an API key it uses the HTTP API, otherwise ' +
        'a WebSocket, like a client.',
    )
    .argument('<channel>', 'the channel')
    .addOption(jsonOption())
    .addOption(urlOption())
    .addOption(apiKeyOption().conflicts('tokenFile'))
    .addOption(tokenOption())
    .addOption(timeoutOption())
    .action(async (channel: string, options: PresenceOptions) => {
      const { members, count } = await read(channel, options, io);
      const lines = options.json
        ? members.map((member) => printableJson(member))
        : columns(
            members.map(({ client, user = '', info }) => [
              client,
              user,
              info === undefined ? '' : JSON.stringify(info),
            ]),
          );
      for (const line of lines) terminal.print(line);
      if (count > members.length) terminal.notice(`${members.length} of ${count} members (see presence.maxMembers)`);
    });
}

async function read(channel: string, options: PresenceOptions, io: Io): Promise<Members> {
  const { tokenFile, timeout, url } = options;
  if (tokenFile === undefined && hasApiKey(options, io)) {
    const path = `api/channels/${encodeURIComponent(channel)}/presence`;
    return (await call(apiOf(options, io), { path, failed: FAILED })) as unknown as Members;
  }
  const gateway = { url: webSocketUrlOf(url, io.env), token: readToken(tokenFile, io.env), timeout };
  return requestOverWebSocket(gateway, (client) => client.presence(channel), { failed: FAILED });
}
