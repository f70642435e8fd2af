import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { openClientContext } from './clients/context.js';
import { CLIENT_SCENARIOS } from './clients/scenarios.js';
import { openGatewayContext } from './gateways/context.js';
import { GATEWAY_SCENARIOS } from './gateways/scenarios.js';
import { runScenario, type Scenario } from './scenario.js';

const PAGE = fileURLToPath(new URL('../docs/protocol.md', import.meta.url));

const NAIVE = `"${process.execPath}" "${fileURLToPath(new URL('testees/naive.ts', import.meta.url))}"`;

function named<Context>(scenarios: readonly Scenario<Context>[], name: string): Scenario<Context> {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario "${name}"`);
  return found;
}

it('refers to headings of docs/protocol.md', () => {
  const headings = [...readFileSync(PAGE, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  for (const { name, section } of [...CLIENT_SCENARIOS, ...GATEWAY_SCENARIOS])
    expect(headings, name).toContain(section);
});

it.concurrent.each([
  ['resumes after a lost connection, and delivers each message once', /position that the client resumed from/],
  ['reports messages that the history no longer contains, before anything newer', /application to see 1, gap, 3/],
  ['does not reconnect after 4009', /not to see another connection after 4009/],
  ['waits longer before each attempt to connect', /tried to connect \d+ times/],
])('finds the fault of a naive client: %s', async (name, problem) => {
  const outcome = await runScenario(named(CLIENT_SCENARIOS, name), () => openClientContext(NAIVE));
  expect(outcome.problem).toMatch(problem);
});

it('passes a scenario that a naive client gets right', async () => {
  const scenario = named(CLIENT_SCENARIOS, 'delivers messages in order');
  expect((await runScenario(scenario, () => openClientContext(NAIVE))).problem).toBeUndefined();
});

it('reports frames that the protocol does not permit, in any scenario', async () => {
  const script = `new WebSocket(process.env.HOLDFAST_URL).onopen = ({ target }) => target.send(JSON.stringify({event:"subscribe",data:{}}))`;
  const command = `"${process.execPath}" -e '${script}; setTimeout(process.exit, 1000)'`;
  const context = await openClientContext(command);
  context.start();
  await context.gateway.peer(1);
  await expect(async () => context[Symbol.asyncDispose]()).rejects.toThrow('the client sent subscribe without an id');
});

it('finds the faults of a gateway', async () => {
  const server = createServer();
  // It welcomes every client, and answers every request with an empty reply.
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.send(JSON.stringify({ event: 'welcome', data: { client: 'c', session: 'short' } }));
    socket.on('message', (text: Buffer) => {
      const { id } = JSON.parse(text.toString()) as { id: number };
      socket.send(JSON.stringify({ event: 'reply', id, data: {} }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
  const open = () => Promise.resolve(openGatewayContext({ url, namespace: 'conformance' }));
  const problemOf = async (name: string): Promise<string | undefined> => {
    return (await runScenario(named(GATEWAY_SCENARIOS, name), open)).problem;
  };
  expect(await problemOf('begins with a welcome')).toMatch(/the session|string/);
  expect(await problemOf('refuses a publish without data as invalid')).toMatch(
    /expected an error in answer to publish/,
  );
  expect(await problemOf('refuses requests that are invalid in the current state')).toMatch(/expected an error/);
  expect(await problemOf('answers the closing handshake')).toBeUndefined();
});
