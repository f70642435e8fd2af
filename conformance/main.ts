/** Checks a gateway or a client library against docs/protocol.md, as described in docs/conformance.md. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openClientContext } from './clients/context.ts';
import { CLIENT_SCENARIOS } from './clients/scenarios.ts';
import { openGatewayContext } from './gateways/context.ts';
import { GATEWAY_SCENARIOS } from './gateways/scenarios.ts';
import { runAll, type Outcome, type Scenario } from './scenario.ts';

const USAGE = `npm run conformance -- URL [--token TOKEN] [--namespace NAME] [--only TEXT]
npm run conformance -- --client COMMAND [--only TEXT]

  URL          the WebSocket of a gateway to check, such as ws://localhost:8000/ws
  --token      to connect with, instead of connecting as an anonymous client
  --namespace  of the channels to use, "conformance" by default: it needs a history, and permission to subscribe and publish
  --client     a program around the client library to check
  --only       only the scenarios with this text in their names

Exit codes: 0 conforms, 1 does not, 2 wrong usage.`;

interface Arguments {
  readonly client?: string | undefined;
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly namespace: string;
  readonly only: string;
}

const args = parse();
const outcomes = args === undefined ? undefined : outcomesOf(args);
if (outcomes === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  process.exitCode = await report(outcomes);
}

function parse(): Arguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        client: { type: 'string' },
        token: { type: 'string' },
        namespace: { type: 'string', default: 'conformance' },
        only: { type: 'string', default: '' },
      },
    });
    const [url, ...more] = positionals;
    return more.length === 0 ? { ...values, url } : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined unless there is either a client or the URL of a WebSocket. */
function outcomesOf({ client, url, token, namespace, only }: Arguments): AsyncIterable<Outcome> | undefined {
  if (client !== undefined && url === undefined) {
    return runAll(pick(CLIENT_SCENARIOS, only), () => openClientContext(client), 2 * availableParallelism());
  }
  if (client !== undefined || url === undefined || !/^wss?:/.test(url)) return undefined;
  const open = () => Promise.resolve(openGatewayContext({ url, token, namespace }));
  return runAll(pick(GATEWAY_SCENARIOS, only), open, 1);
}

function pick<Context>(scenarios: readonly Scenario<Context>[], text: string): Scenario<Context>[] {
  return scenarios.filter(({ name }) => name.includes(text));
}

async function report(all: AsyncIterable<Outcome>): Promise<number> {
  const count = { passed: 0, failed: 0, warnings: 0 };
  for await (const { scenario, problem } of all) {
    const { name, level, section } = scenario;
    if (problem === undefined) {
      count.passed += 1;
      console.log(`ok    ${name}`);
      continue;
    }
    count[level === 'must' ? 'failed' : 'warnings'] += 1;
    console.log(`${level === 'must' ? 'FAIL ' : 'warn '} ${name}`);
    console.log(`      ${problem.trim().replaceAll('\n', '\n      ')}`);
    console.log(`      docs/protocol.md, "${section}"`);
  }
  console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.warnings} warnings`);
  return count.failed > 0 || count.passed + count.warnings === 0 ? 1 : 0;
}
