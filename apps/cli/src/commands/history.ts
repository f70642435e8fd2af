import type { HistoryReply, Position } from '@holdfast/client';
import type { Command } from 'commander';
import { parseCount, parsePosition } from '../arguments.js';
import { urlOption, webSocketUrlOf } from '../gateway-url.js';
import { call } from '../http-api.js';
import type { Io } from '../io.js';
import { HumanLines, JsonLines } from '../lines.js';
import { apiKeyOption, apiOf, hasApiKey, jsonOption, timeoutOption, tokenOption, type ApiOptions } from '../options.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import { requestOverWebSocket } from '../websocket.js';

/** The maximum number of publications in one answer. */
const MAX_LAST = 1_000;

const FAILED = 'cannot read the history';

interface HistoryOptions extends ApiOptions {
  readonly last: number;
  readonly since?: Position;
  readonly json?: true;
  readonly tokenFile?: string;
}

export function addHistoryCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('history')
    .summary('print the recent messages of a channel')
    .description(
      'Prints the recent messages of a channel, the oldest first, and exits. With an API key it uses the HTTP API, otherwise ' +
        'a WebSocket, like a client.',
    )
    .argument('<channel>', 'the channel')
    .option('-n, --last <n>', 'up to this many, the most recent ones', parseCount(MAX_LAST), 100)
    .option('-s, --since <epoch:offset>', 'only those after this position, the oldest of them', parsePosition)
    .addOption(jsonOption())
    .addOption(urlOption())
    .addOption(apiKeyOption().conflicts('tokenFile'))
    .addOption(tokenOption())
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast history chat:lobby --last 20
  $ holdfast history chat:lobby --since 6b1f0c:1041 --json | jq .data`,
    )
    .action(async (channel: string, options: HistoryOptions) => {
      const { epoch, publications } = await read(channel, options, io);
      const lines = options.json ? new JsonLines(channel, terminal) : new HumanLines(terminal);
      // The most recent ones arrive with the newest first.
      const inOrder = options.since === undefined ? publications.toReversed() : publications;
      for (const publication of inOrder) lines.message({ channel, ...publication }, epoch);
    });
}

async function read(channel: string, options: HistoryOptions, io: Io): Promise<HistoryReply> {
  const { last: limit, since, tokenFile, timeout } = options;
  const reverse = since === undefined;
  if (tokenFile === undefined && hasApiKey(options, io)) {
    const path = `api/channels/${encodeURIComponent(channel)}/history`;
    const answer = await call(apiOf(options, io), {
      path,
      query: { limit, reverse: String(reverse), ...since },
      failed: FAILED,
    });
    return answer as unknown as HistoryReply;
  }
  const gateway = { url: webSocketUrlOf(options.url, io.env), token: readToken(tokenFile, io.env), timeout };
  return requestOverWebSocket(
    gateway,
    (client) => client.history(channel, { limit, reverse, ...(since === undefined ? {} : { since }) }),
    { failed: FAILED },
  );
}
