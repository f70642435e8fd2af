import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { parseCount, parseDuration } from '../arguments.js';
import { age, bytes, columns, short } from '../columns.js';
import { call, notAGateway, type HttpApi } from '../http-api.js';
import type { Io } from '../io.js';
import { addAdminOptions, adminOf, jsonOption, timeoutOption, type AdminOptions } from '../options.js';
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

/** In ms. */
const DEFAULT_INTERVAL = 2_000;

/** Moves to the top left of the terminal, and erases what follows. */
const REDRAW = '\u001B[H\u001B[J';

interface TopOptions extends AdminOptions {
  readonly interval: number;
  readonly count?: number;
  readonly json?: true;
}

/** What is shown of the state of a pod: see the gateway's admin API. */
interface PodState {
  readonly node: string;
  readonly version: string;
  readonly uptime: number;
  readonly stage: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly overloaded: boolean;
  readonly broker: { readonly kind: string; readonly up: boolean; readonly reason?: string; readonly lag?: number };
  readonly connections: number;
  readonly clients: number;
  readonly users: number;
  readonly channels: number;
  readonly subscriptions: number;
  readonly limits: readonly { readonly name: string; readonly used: number; readonly max: number }[];
  readonly totals: Readonly<Record<'framesIn' | 'published' | 'messagesOut' | 'slowConsumers' | 'gaps', number>>;
  readonly slowConsumers: readonly {
    readonly connection: string;
    readonly client: string;
    readonly user?: string;
    readonly waiting: number;
  }[];
}

export function addTopCommand(program: Command, io: Io, terminal: Terminal): void {
  const command = program
    .command('top')
    .summary('watch a pod')
    .description(
      'Shows the state of one pod, and refreshes it until Ctrl-C: readiness, broker, connections, channels, rates, limits and slow ' +
        'consumers. If the output is not a terminal, prints one line each time; with --json, the whole state.',
    )
    .addOption(
      new Option('--interval <duration>', 'the time between two looks')
        .argParser(parseDuration)
        .default(DEFAULT_INTERVAL, '2s'),
    )
    .option('-c, --count <n>', 'end after this many looks', parseCount())
    .addOption(jsonOption())
    .addOption(timeoutOption());
  addAdminOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ kubectl port-forward deployment/holdfast 8001 &
  $ holdfast top
  $ holdfast top --json --count 1 | jq .broker`,
    )
    .action((options: TopOptions) => top(adminOf(options, io), options, io, terminal));
}

async function top(api: HttpApi, options: TopOptions, io: Io, terminal: Terminal): Promise<void> {
  const { interval, count = Number.POSITIVE_INFINITY, json } = options;
  const ended = new AbortController();
  const end = (): void => ended.abort();
  void io.interrupted().then(end);
  void terminal.outputClosed.then(end);
  let before: PodState | undefined;
  for (let looks = 1; !ended.signal.aborted; looks += 1) {
    const state = await stateOf(api);
    const rates = ratesOf(state, before);
    if (json) terminal.print(printableJson(state));
    else if (terminal.isTerminal) terminal.print(`${REDRAW}${screenOf(state, rates).join('\n')}`);
    else terminal.print(lineOf(state, rates));
    before = state;
    if (looks >= count) return;
    // Rejects when it is aborted.
    await sleep(interval, undefined, { signal: ended.signal }).catch(() => undefined);
  }
}

async function stateOf(api: HttpApi): Promise<PodState> {
  const state = await call(api, { path: 'admin/state', failed: 'cannot read the state' });
  return typeof state['node'] === 'string' ? (state as unknown as PodState) : notAGateway(api.url);
}

interface Rates {
  readonly published: number;
  readonly messagesOut: number;
}

/** Per second, since the previous look or, at first, since the pod started. */
function ratesOf({ uptime, totals }: PodState, before: PodState | undefined): Rates {
  // A pod that has restarted counts from 0 again.
  const from = before !== undefined && before.uptime < uptime ? before : undefined;
  const seconds = Math.max(1, uptime - (from?.uptime ?? 0)) / 1_000;
  const rate = (name: keyof Rates): number => (totals[name] - (from?.totals[name] ?? 0)) / seconds;
  return { published: rate('published'), messagesOut: rate('messagesOut') };
}

function readinessOf({ ready, stage, reasons, overloaded }: PodState): string {
  const state = ready ? stage : `not ready (${reasons.join('; ')})`;
  return overloaded ? `${state}, overloaded` : state;
}

function brokerOf({ broker: { kind, up, reason, lag } }: PodState): string {
  const state = up ? 'up' : `down${reason === undefined ? '' : ` (${reason})`}`;
  return `${kind} ${state}${lag === undefined ? '' : `, ${Math.round(lag)} ms behind`}`;
}

function lineOf(state: PodState, { published, messagesOut }: Rates): string {
  const { node, connections, channels, slowConsumers } = state;
  const [line = ''] = columns([
    [
      node,
      readinessOf(state),
      `broker ${brokerOf(state)}`,
      `${connections} connections`,
      `${channels} channels`,
      `${short(published)}/s published`,
      `${short(messagesOut)}/s delivered`,
      `${slowConsumers.length} slow`,
    ],
  ]);
  return line;
}

function screenOf(state: PodState, { published, messagesOut }: Rates): string[] {
  const { node, version, uptime, connections, clients, users, channels, subscriptions, totals } = state;
  const limits = state.limits.map(({ name, used, max }) => {
    const show = name.endsWith('Bytes') ? bytes : short;
    return [name, show(used), `of ${show(max)}`, `${Math.round((100 * used) / max)} %`];
  });
  const slow = state.slowConsumers.map(({ connection, client, user = '(anonymous)', waiting }) => [
    connection,
    client,
    user,
    `${bytes(waiting)} waiting`,
  ]);
  return [
    ...columns([
      ['pod', `${node}, version ${version}, up ${age(uptime)}`],
      ['state', readinessOf(state)],
      ['broker', brokerOf(state)],
      ['clients', `${clients} on ${connections} connections, ${users} users`],
      ['channels', `${channels}, ${subscriptions} subscriptions`],
      ['messages', `${short(published)}/s published, ${short(messagesOut)}/s delivered`],
      ['trouble', `${totals.slowConsumers} slow consumers disconnected, ${totals.gaps} gaps`],
    ]),
    '',
    ...columns(limits),
    ...(slow.length === 0 ? [] : ['', 'slowest consumers:', ...columns(slow)]),
  ];
}
