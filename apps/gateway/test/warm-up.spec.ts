import { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Metrics } from '../src/metrics/metrics.js';
import { warmUp } from '../src/warm-up.js';
import * as visits from '../src/warm-up/visits.js';
import { runGatewayProcess, startGatewayProcess, type GatewayProcess } from './support/gateway-process.js';
import { startGateway } from './support/gateway.js';

vi.mock(import('../src/warm-up/visits.js'), { spy: true });

const PRODUCTION = { NODE_ENV: 'production', HOLDFAST_SETTLE_SECONDS: '0', HOLDFAST_DRAIN_SECONDS: '0' };

/** Long enough for a machine that stalls, and short enough for a test of what hangs. */
const STALLS_MS = 120_000;
const HANGS_AFTER_MS = 100;

const NONE = { cpu: 0, time: 0 };

/** The metrics that count clients and what they do. */
const GAUGES = new Set(
  ['connections', 'clients', 'subscriptions', 'channels', 'pending_sockets'].map((name) => `holdfast_${name}`),
);

/** The names of the lines of a gateway in production. */
function eventsOf(sut: GatewayProcess): unknown[] {
  const lines = sut.output().trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { event: unknown }).event).filter((event) => event !== 'nest.line');
}

function resources(): number {
  return process.getActiveResourcesInfo().length;
}

/** Makes a process run code before its own. */
function first(code: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

describe('the warm-up', () => {
  it.each([
    ['time', { cpu: Infinity, time: 0 }],
    ['CPU time', { cpu: 0, time: Infinity }],
  ])('ends when its %s is used up', async (_name, budget) => {
    const visited = vi.mocked(visits.visit).mockClear();
    expect(await warmUp(budget, STALLS_MS)).toEqual({ visits: visited.mock.calls.length, ms: expect.any(Number) });
    expect(visited).toHaveBeenCalled();
  });

  it('connects to nothing but itself, whatever is configured', async () => {
    const connect = vi.spyOn(Socket.prototype, 'connect');
    onTestFinished(() => connect.mockRestore());
    for (const [name, value] of Object.entries({
      HOLDFAST_BROKER: 'redis://127.0.0.1:1',
      HOLDFAST_AUTHORIZATION_URL: 'http://127.0.0.1:1',
      HOLDFAST_EVENTS_URL: 'http://127.0.0.1:1',
      HOLDFAST_JWKS_URL: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    })) {
      vi.stubEnv(name, value);
    }
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await warmUp(NONE, STALLS_MS)).toHaveProperty('visits');
    expect(connect).toHaveBeenCalled();
    for (const [to] of connect.mock.calls) expect(JSON.stringify(to)).toContain('\\u0000holdfast-warm-up-');
  });

  it('leaves nothing behind: no timer, no socket, and nothing in the metrics, channels and limits of a gateway that starts then', async () => {
    // Counted in the same way, because waiting takes timers too.
    const before = await vi.waitFor(resources);
    expect(await warmUp(NONE, STALLS_MS)).toHaveProperty('visits');
    await vi.waitFor(() => expect(resources()).toBeLessThanOrEqual(before));

    const sut = await startGateway({ limits: { connections: { perUser: 1, perPod: 1 } } });
    const metrics = await sut.app.get(Metrics).registry.getMetricsAsJSON();
    const counts = metrics
      .filter(({ name, type }) => GAUGES.has(name) || (name.startsWith('holdfast_') && String(type) === 'counter'))
      .flatMap(({ name, values }) => values.map(({ value }) => [name, value] as const));
    expect(counts.length).toBeGreaterThan(0);
    for (const [name, value] of counts) expect([name, value]).toEqual([name, 0]);
    const client = await sut.connect();
    expect(await client.request('subscribe', { channel: 'room:0' })).toMatchObject({ offset: 0 });
  });

  it('returns the error if a visit fails', async () => {
    vi.mocked(visits.visit).mockRejectedValue(new Error('a fault'));
    onTestFinished(() => vi.mocked(visits.visit).mockRestore());
    expect(await warmUp(NONE, STALLS_MS)).toEqual({ err: new Error('a fault') });
  });

  it('returns an error if a visit hangs', async () => {
    vi.mocked(visits.visit).mockReturnValue(new Promise<never>(() => undefined));
    onTestFinished(() => vi.mocked(visits.visit).mockRestore());
    expect(await warmUp(NONE, HANGS_AFTER_MS)).toEqual({ err: new Error(`no end after ${HANGS_AFTER_MS} ms`) });
  });
});

describe('a gateway in production', () => {
  it('warms up before it is ready, and its log and metrics do not mention it otherwise', async () => {
    const sut = await startGatewayProcess({ ...PRODUCTION, HOLDFAST_LOG_LEVEL: 'info' });
    await vi.waitFor(() => expect(sut.output()).toContain('gateway.listening'));
    expect(eventsOf(sut)).toEqual([
      'gateway.limits',
      'gateway.warmed_up',
      'gateway.listening',
      'gateway.anonymous_access',
    ]);
    expect(await sut.stop()).toBe(0);
  });

  it('starts even if the warm-up fails, and logs why', async () => {
    const code = `
      import { Socket } from 'node:net';
      const { connect } = Socket.prototype;
      Socket.prototype.connect = function (...to) {
        if (JSON.stringify(to).includes('holdfast-warm-up')) throw new Error('a fault');
        return connect.apply(this, to);
      };`;
    const sut = await startGatewayProcess({ ...PRODUCTION, ...first(code) });
    await vi.waitFor(() => expect(sut.output()).toContain('gateway.listening'));
    expect(eventsOf(sut)).toContain('gateway.warm_up_failed');
    expect((await fetch(`${sut.url}/health/ready`)).status).toBe(200);
    expect(await sut.stop()).toBe(0);
  });

  it('ends at once if it is stopped during the warm-up', async () => {
    const signalled = `
      import { Socket } from 'node:net';
      const { connect } = Socket.prototype;
      Socket.prototype.connect = function (...to) {
        if (JSON.stringify(to).includes('holdfast-warm-up')) process.kill(process.pid, 'SIGTERM');
        return connect.apply(this, to);
      };`;
    const sut = await runGatewayProcess({ ...PRODUCTION, HOLDFAST_SETTLE_SECONDS: '60', ...first(signalled) });
    const code = await sut.exited;
    expect([code, sut.output()]).toEqual([0, '']);
  });
});

it('a gateway in development starts without a warm-up', async () => {
  const sut = await startGatewayProcess();
  await vi.waitFor(() => expect(sut.output()).toContain('listening'));
  expect(sut.output()).not.toContain('warm');
});
