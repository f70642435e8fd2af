import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { expectSurvived, type Cost, type Fault } from '../faults/fault.js';
import { Publisher } from '../load/publisher.js';
import type { RunReport } from '../load/run.js';
import { judge } from '../load/verdict.js';
import type { PodWatch } from '../support/pod-watch.js';
import type { Scene } from '../support/scene.js';

it('a publisher counts failed first attempts, but not later attempts', async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    if (requests === 2 || requests === 3) request.socket.destroy();
    else if (requests === 6) response.writeHead(503).end();
    else response.end(JSON.stringify({ epoch: 'a', offset: requests }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sut = new Publisher('p', { api, apiKey: 'k', channels: ['load:0'], pause: 1 });
  sut.start();
  await vi.waitFor(() => expect(sut.acknowledged.length).toBeGreaterThan(5), { timeout: 10_000 });
  await sut.stop();
  expect(sut.failedFirst).toEqual({ broken: 1, 503: 1 });
  expect(sut.answers).toMatchObject({ broken: 2, 503: 1 });
});

it.each<[Cost, boolean]>([
  ['nothing', false],
  ['reconnect', true],
])('a failed first attempt is allowed in a fault with the cost "%s": %s', (cost, isAllowed) => {
  const acknowledged = [{ channel: 'load:0', epoch: 'a', offset: 1, text: 'p 1' }];
  const journal = {
    id: 1,
    kind: 'library' as const,
    channel: 'load:0',
    sockets: [{ startedAt: 0, subscribedAt: 0 }],
    entries: [{ epoch: 'a', offset: 1, text: 'p 1', at: 1 }],
    start: { epoch: 'a', offset: 0 },
    seen: new Set(['p 1']),
  };
  const report = (failedFirst: Record<string, number>): RunReport => ({
    from: 0,
    verdict: judge([journal], acknowledged, { from: 0, to: 2 }),
    duration: 2,
    loopDelay: 0,
    burst: 0,
    publishers: { answers: {}, failedFirst, slowestAnswer: 0 },
    timeline: [],
  });
  const fault: Fault = { name: 'a fault', cost, inject: async () => undefined };
  const watch = { lives: new Map() } as unknown as PodWatch;
  const scene = {} as unknown as Scene;
  const survive = (failedFirst: Record<string, number>) => (): void =>
    expectSurvived(fault, report(failedFirst), watch, scene);
  expect(survive({})).not.toThrow();
  if (isAllowed) expect(survive({ broken: 1 })).not.toThrow();
  else expect(survive({ broken: 1 })).toThrow('no publish has to be repeated');
});
