import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import type { Json } from '@holdfast/client';
import { Option, type Command } from 'commander';
import { parseDuration, parseLength, parseTraceparent } from '../arguments.js';
import { EXIT, Failure } from '../failure.js';
import {
  API_URL,
  apiUrlOf,
  isWebSocketUrl,
  parseGatewayUrl,
  urlOption,
  WEBSOCKET_URL,
  webSocketUrlOf,
} from '../gateway-url.js';
import { publishOverHttp } from '../http-api.js';
import type { Io } from '../io.js';
import { printableJson } from '../printable.js';
import type { Publish } from '../publication.js';
import { API_KEY, readSecret } from '../secrets.js';
import type { Terminal } from '../terminal.js';
import { readToken } from '../tokens.js';
import { publishOverWebSocket } from '../websocket.js';

const MAX_KEY_LENGTH = 64;

/** In ms. */
const DEFAULT_TIMEOUT = 10_000;

interface PublishOptions {
  readonly key?: string;
  readonly traceparent?: string;
  readonly text?: true;
  readonly lines?: true;
  readonly url?: string;
  readonly apiKeyFile?: string;
  readonly tokenFile?: string;
  readonly timeout: number;
}

export function addPublishCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('publish')
    .summary('publish to a channel')
    .description(
      'Publishes to a channel, and prints the position as JSON once the message is stored. ' +
        'With an API key it uses the HTTP API, like a backend, otherwise a WebSocket, like a client; ' +
        'if --url is given, its scheme decides.',
    )
    .argument('<channel>', 'the channel')
    .argument('[data]', 'JSON; read from stdin if it is - or omitted')
    .option('-t, --text', 'treat the data as text, and publish a JSON string')
    .addOption(new Option('-l, --lines', 'publish each line of stdin as a message').conflicts('key'))
    .option('-k, --key <key>', 'publishing again with the same key stores nothing new', parseLength(MAX_KEY_LENGTH))
    .option('--traceparent <context>', 'the W3C trace context that the publish belongs to', parseTraceparent)
    .addOption(urlOption(`${WEBSOCKET_URL}, with an API key ${API_URL}`))
    .addOption(
      new Option('--api-key-file <path>', `a file with the API key, instead of ${API_KEY}`).conflicts('tokenFile'),
    )
    .option('--token-file <path>', 'a file with the token, instead of HOLDFAST_CLI_TOKEN')
    .addOption(
      new Option('--timeout <duration>', 'the time limit: 500ms, 30s, 5m')
        .argParser(parseDuration)
        .default(DEFAULT_TIMEOUT, '10s'),
    )
    .addOption(new Option('-j, --json', 'print a JSON object per line, which is the default'))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast publish chat:lobby '{"text":"hello"}'
  $ holdfast publish chat:lobby --text hello
  $ uptime | holdfast publish status:host --text
  $ tail --follow app.log | holdfast publish logs:app --text --lines
  $ HOLDFAST_CLI_API_KEY=$(cat key) holdfast publish @alice '{"unread":3}' --key order-17 --url https://gateway.example.com`,
    )
    .action(async (channel: string, data: string | undefined, options: PublishOptions) => {
      const publish = publisher(options, io);
      const { traceparent } = options;
      if (options.lines) {
        if (data !== undefined && data !== '-') throw new Failure(EXIT.usage, '--lines: the messages come from stdin');
        for await (const line of linesOf(io.stdin)) {
          terminal.print(printableJson(await publish({ channel, data: parse(line, options), traceparent })));
        }
        return;
      }
      const publication = { channel, data: await readData(data, options, io, terminal), key: options.key, traceparent };
      terminal.print(printableJson(await publish(publication)));
    });
}

/** The URL's scheme decides between HTTP and WebSocket; without a URL, the credentials do. */
function publisher({ url: text, apiKeyFile, tokenFile, timeout }: PublishOptions, { env }: Io): Publish {
  const apiKey = readSecret({ option: '--api-key-file', file: apiKeyFile, variable: API_KEY, env });
  const isClient = apiKey === undefined || tokenFile !== undefined;
  const url = text === undefined ? (isClient ? webSocketUrlOf : apiUrlOf)(text, env) : parseGatewayUrl(text);
  if (isWebSocketUrl(url)) {
    if (apiKeyFile === undefined) return publishOverWebSocket({ url, token: readToken(tokenFile, env), timeout });
    throw new Failure(EXIT.usage, `--url: an API key requires the URL of the HTTP API, such as ${API_URL}`);
  }
  if (apiKey !== undefined && tokenFile === undefined) return publishOverHttp({ url, apiKey, timeout });
  throw new Failure(
    EXIT.usage,
    `the HTTP API requires an API key: set ${API_KEY} or --api-key-file (or use a URL such as ${WEBSOCKET_URL})`,
  );
}

async function readData(
  data: string | undefined,
  { text }: Pick<PublishOptions, 'text'>,
  io: Io,
  terminal: Terminal,
): Promise<Json> {
  const isPiped = data === undefined || data === '-';
  const given = isPiped ? await readStdin(io, terminal) : data;
  // Piped text usually ends with a newline that is not part of the message.
  return parse(isPiped && text ? given.replace(/\r?\n$/, '') : given, { text });
}

function parse(given: string, { text }: { readonly text?: true | undefined }): Json {
  if (text) return given;
  try {
    return JSON.parse(given) as Json;
  } catch {
    throw new Failure(EXIT.usage, 'the data is not valid JSON: correct it, or use --text to publish it as text');
  }
}

async function readStdin({ stdin }: Io, terminal: Terminal): Promise<string> {
  if (stdin.isTTY) terminal.notice('reading the data from the terminal, press Ctrl-D to end');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await buffer(stdin));
  } catch {
    throw new Failure(EXIT.usage, 'stdin: expected UTF-8');
  }
}

/** Each line as soon as it has arrived, without empty ones. */
async function* linesOf(stdin: Io['stdin']): AsyncGenerator<string> {
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield line;
  }
}
