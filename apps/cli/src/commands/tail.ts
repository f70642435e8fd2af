import { Holdfast, type Position, type Token } from '@holdfast/client';
import { Option, type Command } from 'commander';
import { formatPosition, parseCount, parsePosition } from '../arguments.js';
import { ExplainedSockets } from '../explained-sockets.js';
import { EXIT, Failure } from '../failure.js';
import { displayUrl, urlOption, webSocketUrlOf } from '../gateway-url.js';
import type { Io } from '../io.js';
import { refusal } from '../refusal.js';
import { HumanLines, JsonLines, type Lines } from '../lines.js';
import type { Terminal } from '../terminal.js';
import { followToken, readSubscriptionToken } from '../tokens.js';

/** The maximum number of messages that a gateway replays. */
const MAX_LAST = 1_000;

interface TailOptions {
  readonly last?: number;
  readonly since?: Position;
  readonly count?: number;
  readonly json?: true;
  readonly presence?: true;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly subscriptionTokenFile?: string;
}

export function addTailCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('tail')
    .summary('follow a channel')
    .description(
      'Follows a channel: prints its messages on stdout until Ctrl-C, and the state of the connection on stderr. ' +
        'If the connection breaks, it reconnects and continues where it was: nothing is printed twice, ' +
        'and lost messages are reported as a gap.',
    )
    .argument('<channel>', "the channel, @me for the token's own user")
    .option('-n, --last <n>', 'begin with up to this many recent messages', parseCount(MAX_LAST))
    .addOption(
      new Option('-s, --since <epoch:offset>', 'begin after this position').argParser(parsePosition).conflicts('last'),
    )
    .option('-c, --count <n>', 'end after this many messages', parseCount())
    .option('-j, --json', 'print a JSON object per line: message, gap, and with --presence join, leave, members')
    .option('-p, --presence', 'print members, joins and leaves')
    .addOption(urlOption())
    .option('--token-file <path>', 'a file with the token, read again when needed, instead of HOLDFAST_CLI_TOKEN')
    .option('--subscription-token-file <path>', 'a file with a subscription token for this channel, read when needed')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast tail chat:lobby --last 20
  $ holdfast tail chat:lobby --presence --url wss://gateway.example.com/ws --token-file token
  $ holdfast tail chat:lobby --since 6b1f0c:1041
  $ holdfast tail chat:lobby --json --count 10 | jq 'select(.event == "message").data'`,
    )
    .action(async (channel: string, options: TailOptions) => {
      const url = webSocketUrlOf(options.url, io.env);
      const token = followToken(options.tokenFile, io.env);
      await tail({ channel, options, url, token }, io, terminal);
    });
}

interface Target {
  readonly channel: string;
  readonly options: TailOptions;
  readonly url: URL;
  readonly token: Token | undefined;
}

/** Resolves when the user or --count ended it, and rejects when the gateway ended it. */
async function tail({ channel, options, url, token }: Target, io: Io, terminal: Terminal): Promise<void> {
  const { last, since, count = Number.POSITIVE_INFINITY, presence, subscriptionTokenFile } = options;
  const lines: Lines = options.json ? new JsonLines(channel, terminal) : new HumanLines(terminal);
  const { promise: counted, resolve: complete, reject: fail } = Promise.withResolvers<void>();
  let position = since;
  let printed = 0;

  const sockets = new ExplainedSockets();
  const client = new Holdfast(url, { token, WebSocket: sockets.WebSocket });
  watchConnection({ client, sockets, url }, terminal, fail);
  const subscription = client.subscribe(
    channel,
    {
      message: (message) => {
        if (printed === count) return;
        position = subscription.position;
        lines.message(message, position?.epoch);
        if (++printed === count) complete();
      },
      gap: (lost, reason) => {
        if (printed === count) return;
        position = lost;
        terminal.notice(`gap! Messages may be lost, continuing after ${formatPosition(lost)}`, 'red');
        lines.gap?.(lost, reason);
      },
      subscribed: ({ recovered, replay = 0 }) => {
        position ??= subscription.position;
        terminal.notice(recovered === true ? `resumed ${channel}, ${replay} missed` : `following ${channel}`);
      },
      join: (member) => lines.join(member),
      leave: (member) => lines.leave(member),
      members: (members) => lines.members(members),
      unsubscribed: (code) => fail(new Failure(EXIT.failed, `the gateway ended the subscription (${code})`)),
      error: (error) => fail(refusal(`cannot follow ${channel}`, error)),
    },
    {
      last,
      since,
      presence,
      token: subscriptionTokenFile === undefined ? undefined : () => readSubscriptionToken(subscriptionTokenFile),
    },
  );
  try {
    await Promise.race([counted, io.interrupted(), terminal.outputClosed]);
  } finally {
    await client.close();
  }
  if (position !== undefined && !terminal.isOutputClosed) {
    terminal.notice(`stopped: --since ${formatPosition(position)} continues from here`);
  }
}

interface Watched {
  readonly client: Holdfast;
  readonly sockets: ExplainedSockets;
  readonly url: URL;
}

/** Reports the state of the connection. */
function watchConnection(
  { client, sockets, url }: Watched,
  terminal: Terminal,
  fail: (failure: Failure) => void,
): void {
  const gateway = displayUrl(url);
  let wasConnected = false;
  let isRefused = false;
  let latest: string | undefined;
  // Repeated failures with the same message are reported once.
  const noticeOnce = (text: string): void => {
    if (text !== latest && !isRefused) terminal.notice(text, 'yellow');
    latest = text;
  };

  client.on('state', ({ state, welcome, reason }) => {
    switch (state) {
      case 'connecting':
        return noticeOnce(
          `cannot reach ${gateway} (${sockets.failure ?? reason?.message}), trying again; is --url right?`,
        );
      case 'connected':
        wasConnected = true;
        latest = undefined;
        return terminal.notice(`connected to ${welcome?.node}`);
      case 'reconnecting':
        return noticeOnce(`reconnecting: ${reason?.message}`);
      // This command never disconnects by itself.
      case 'disconnected':
        return;
      case 'closed':
        if (reason !== undefined)
          fail(refusal(`${gateway} ${wasConnected ? 'ended' : 'refused'} the connection`, reason));
    }
  });
  client.on('moved', ({ to }) => terminal.notice(`moved to ${to}`));
  client.on('error', (error) => {
    // A token file may contain a valid token later, but an invalid token at startup should be reported at once.
    isRefused ||= error.code === 'unauthorized' && !wasConnected;
    if (isRefused) fail(refusal(`${gateway} refused the connection`, error));
    else noticeOnce(`${error.message} (${error.code}), trying again`);
  });
}
