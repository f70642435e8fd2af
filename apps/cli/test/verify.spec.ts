import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { API_KEY, JWT_SECRET, startGateway, type TestGateway } from '../../gateway/test/support/gateway.js';
import { startGatewaysOnOneBroker } from '../../gateway/test/support/gateways-on-one-broker.js';
import { Lifecycle } from '../../gateway/src/lifecycle/lifecycle.js';
import { startTcpProxy } from '../../gateway/test/support/tcp-proxy.js';
import { freePort } from '../../../libs/broadcast/test/support/free-port.js';
import { startStickyIngress } from './sticky-ingress.js';
import { Running, type RunOptions } from './test-io.js';

/** The addresses of the pods in DNS. */
let addresses: { host: string; port: number }[] = [];
vi.mock('../src/verify/address.js', async (load) => ({
  ...(await load<object>()),
  resolve: () => Promise.resolve(addresses),
}));
beforeEach(() => (addresses = []));

/** Nothing is permitted without a token, and the API requires its key. */
const CLOSED = { namespaceDefaults: { subscribe: 'granted', publish: 'granted', presence: false } };
const SECRETS = { HOLDFAST_JWT_SECRET: JWT_SECRET, HOLDFAST_CLI_API_KEY: API_KEY };

/** Pods that share a broker, behind the name that `--pods` gives. */
async function startPods(count: number, file: object = CLOSED): Promise<TestGateway[]> {
  const envs = Array.from({ length: count }, (_, index) => ({
    HOLDFAST_NODE: `pod-${index}`,
    HOLDFAST_ANONYMOUS: 'false',
  }));
  const pods = await startGatewaysOnOneBroker(envs, file);
  addresses = pods.map(({ port }) => ({ host: '127.0.0.1', port }));
  return pods;
}

function verify(url: string, args: readonly string[] = [], options: RunOptions = { env: SECRETS }): Running {
  return new Running(['verify', '--url', url, '--pods', 'holdfast-headless', ...args], options);
}

/** The outcome and the name of each check. */
function outcomes(sut: Running): string[] {
  return sut.lines.map((line) => line.split(/\s+/, 2).join(' '));
}

describe('holdfast verify', () => {
  it('checks messages across pods and a resume on another pod, and prints the results', async () => {
    const [pod] = await startPods(3);
    const sut = verify(pod?.webSocketUrl ?? '');
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.stderr).toBe('');
    expect(sut.lines).toHaveLength(3);
    const [pods, messages, resume] = sut.lines;
    expect(pods).toBe('ok    pods      3: pod-0, pod-1, pod-2');
    expect(messages).toMatch(
      /^ok {4}messages {2}60 from pod-1 and pod-2 and the API: each once and in order on pod-0, after \d+ ms \(median\)$/,
    );
    expect(resume).toBe(
      'ok    resume    reconnected from pod-0 to pod-1: received 10 missed messages, none lost, none duplicated',
    );
  });

  it('skips the API without a key, and needs no token if anonymous clients are permitted', async () => {
    const gateway = await startGateway({}, { HOLDFAST_NODE: 'pod-0' });
    addresses = [{ host: '127.0.0.1', port: gateway.port }];
    const sut = verify(gateway.webSocketUrl, [], {});
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.stdout).toContain('20 from pod-0: each once and in order on the only pod');
  });

  it('reports that checks across pods need more than one pod, and runs the others', async () => {
    const gateway = await startGateway(CLOSED, { HOLDFAST_ANONYMOUS: 'false', HOLDFAST_NODE: 'pod-0' });
    const sut = new Running(['verify', '--url', gateway.webSocketUrl, '--affinity', 'clientIP'], { env: SECRETS });
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(outcomes(sut)).toEqual(['ok pods', 'skip pods', 'ok messages', 'ok resume', 'skip affinity']);
    expect(sut.lines[1]).toContain('checks across pods are not possible with one pod');
    expect(sut.stdout).toContain('reconnected to pod-0, the only pod');
  });

  it('fails if the pods have no common broker', async () => {
    const pods = await Promise.all([
      startGateway({}, { HOLDFAST_NODE: 'a' }),
      startGateway({}, { HOLDFAST_NODE: 'b' }),
    ]);
    addresses = pods.map(({ port }) => ({ host: '127.0.0.1', port }));
    const sut = verify(pods[0].webSocketUrl, ['--timeout', '3s']);
    expect(await sut.exitCode).toBe(1);
    expect(outcomes(sut)).toEqual(['ok pods', 'fail messages', 'skip resume']);
    expect(sut.stdout).toContain('out of time: ');
    expect(sut.stderr).toBe('holdfast: 1 of 2 checks failed\n');
  });

  it('skips the resume if the namespace has no history', async () => {
    const [pod] = await startPods(2, { ...CLOSED, namespaces: { brief: { history: { size: 0 } } } });
    const sut = verify(pod?.webSocketUrl ?? '', ['--namespace', 'brief']);
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(outcomes(sut)).toEqual(['ok pods', 'ok messages', 'skip resume']);
  });

  it('waits for the expected number of pods, and fails with fewer', async () => {
    const pods = await startPods(2);
    const all = addresses;
    addresses = all.slice(0, 1);
    const patient = verify(pods[0]?.webSocketUrl ?? '', ['--expect-pods', '2']);
    setTimeout(() => (addresses = all), 200);
    expect(await patient.exitCode, patient.stdout + patient.stderr).toBe(0);

    const sut = verify(pods[0]?.webSocketUrl ?? '', ['--expect-pods', '3', '--timeout', '1s']);
    expect(await sut.exitCode).toBe(1);
    expect(sut.lines).toEqual(['fail  pods      2 of 3 pods are ready at the addresses of holdfast-headless']);
  });

  it('ignores pods that start or drain', async () => {
    const [pod, draining] = await startPods(2);
    if (draining !== undefined) draining.app.get(Lifecycle).stage = 'draining';
    const sut = verify(pod?.webSocketUrl ?? '');
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.lines[0]).toBe('ok    pods      1: pod-0');
  });

  it('reports a missing gateway in time', async () => {
    addresses = [{ host: '127.0.0.1', port: await freePort() }];
    const sut = verify('ws://localhost/ws', ['--timeout', '1s']);
    expect(await sut.exitCode).toBe(1);
    expect(sut.stdout).toMatch(
      /^fail {2}pods {6}0 of 1 pods are ready .*127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
    );
  });

  it('reports that its token is refused, and prints neither token nor secret', async () => {
    const [pod] = await startPods(1);
    const secret = 'another secret of more than 32 bytes';
    const sut = verify(pod?.webSocketUrl ?? '', [], { env: { HOLDFAST_JWT_SECRET: secret } });
    expect(await sut.exitCode).toBe(1);
    expect(sut.stdout).toContain('refused the connection');
    expect(sut.stdout).toContain('(4001)');
    expect(sut.stdout + sut.stderr).not.toMatch(/another|eyJ/);
  });

  it('reads secrets from files, and uses the first of several', async () => {
    const [pod] = await startPods(2);
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'secret'), `${JWT_SECRET}\nan older secret of more than 32 bytes\n`);
    writeFileSync(join(folder, 'key'), `${API_KEY},an-older-key-of-the-tests\n`);
    const files = ['--secret-file', join(folder, 'secret'), '--api-key-file', join(folder, 'key')];
    const sut = verify(pod?.webSocketUrl ?? '', files, {});
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.stdout).toContain('and the API');
  });

  it.each([
    [['--url', 'http://localhost:8000']],
    [['--url', 'localhost']],
    [['--pods', 'a:b']],
    [['--pods', 'a:0']],
    [['--affinity', 'sticky']],
    [['--namespace', 'a:b']],
    [['--namespace', '@alice']],
    [['--ingress-url', 'chat.example.com']],
    [['--timeout', '0s']],
    [['--secret-file', '/nowhere']],
  ])('exits with 2 for %j', async (args) => {
    const sut = new Running(['verify', ...args]);
    expect(await sut.exitCode).toBe(2);
    expect(sut.stdout).toBe('');
    expect(sut.stderr).toMatch(/^holdfast: .*\n$/);
  });
});

describe('holdfast verify --affinity', () => {
  it('clientIP passes if the Service always chooses the same pod, and fails otherwise', async () => {
    const [first, second] = await startPods(2);
    const service = await startTcpProxy(first?.port ?? 0);
    const url = `ws://127.0.0.1:${service.port}/ws`;
    const kept = verify(url, ['--affinity', 'clientIP']);
    expect(await kept.exitCode, kept.stdout + kept.stderr).toBe(0);
    expect(kept.lines.at(-1)).toBe('ok    affinity  clientIP: 15 connections, all on pod-0');

    const swap = setInterval(() => {
      service.target = (service.target === first?.port ? second?.port : first?.port) ?? 0;
    }, 1);
    onTestFinished(() => clearInterval(swap));
    const spread = verify(url, ['--affinity', 'clientIP', '--timeout', '8s']);
    expect(await spread.exitCode).toBe(1);
    expect(spread.lines.at(-1)).toMatch(
      /^fail {2}affinity {2}clientIP: 15 connections of one address reached pod-\d, pod-\d/,
    );
  });

  it('cookie passes if the ingress, at a separate address, keeps clients on their pods', async () => {
    const pods = await startPods(2);
    const port = await startStickyIngress(pods.map((pod) => pod.port));
    const ingress = ['--ingress-url', 'ws://chat.example.com/ws', '--ingress-address', `127.0.0.1:${port}`];
    const sut = verify(pods[0]?.webSocketUrl ?? '', ['--affinity', 'cookie', ...ingress]);
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.lines.at(-1)).toBe(
      'ok    affinity  cookie route: 3 clients, 5 connections each, all on the pod of their first connection: pod-0, pod-1',
    );
  });

  it('cookie waits for an ingress controller that does not have the route yet', async () => {
    const pods = await startPods(2);
    const port = await startStickyIngress(
      pods.map((pod) => pod.port),
      { refuses: 2 },
    );
    const ingress = ['--ingress-url', `ws://127.0.0.1:${port}/ws`];
    const sut = verify(pods[0]?.webSocketUrl ?? '', ['--affinity', 'cookie', ...ingress]);
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(outcomes(sut).at(-1)).toBe('ok affinity');
  });

  it('cookie names the option if the host of the ingress is not in DNS', async () => {
    const pods = await startPods(2);
    const ingress = ['--ingress-url', 'wss://chat.invalid/ws', '--timeout', '5s'];
    const sut = verify(pods[0]?.webSocketUrl ?? '', ['--affinity', 'cookie', ...ingress]);
    expect(await sut.exitCode).toBe(1);
    expect(sut.lines.at(-1)).toMatch(/^fail {2}affinity {2}no connection to chat\.invalid: .*; set --ingress-address/);
  });

  it.each([
    ['ignores the cookie', { obeysCookie: false }, 'a connection with the cookie of pod-'],
    ['sets no cookie', { setsCookie: false }, 'sets no cookie route'],
  ])('cookie fails if the ingress %s', async (_name, options, expected) => {
    const pods = await startPods(2);
    const port = await startStickyIngress(
      pods.map((pod) => pod.port),
      options,
    );
    const sut = verify(pods[0]?.webSocketUrl ?? '', [
      '--affinity',
      'cookie',
      '--ingress-url',
      `ws://127.0.0.1:${port}/ws`,
      '--timeout',
      '3s',
    ]);
    expect(await sut.exitCode).toBe(1);
    expect(outcomes(sut).at(-1)).toBe('fail affinity');
    expect(sut.lines.at(-1)).toContain(expected);
  });

  it('cookie is skipped without the URL of the ingress', async () => {
    const [pod] = await startPods(2);
    const sut = verify(pod?.webSocketUrl ?? '', ['--affinity', 'cookie']);
    expect(await sut.exitCode, sut.stdout + sut.stderr).toBe(0);
    expect(sut.lines.at(-1)).toBe('skip  affinity  cookie: use --ingress-url to check it');
  });
});
