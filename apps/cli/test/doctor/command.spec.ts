import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Running } from '../test-io.js';
import { Target } from './faults.js';
import { FakeApi } from './fake-api.js';
import type { Draft } from './healthy.js';
import { plainRelease } from './plain.js';

let draft: Draft;
let target: Target;
let api: FakeApi;

beforeEach(async () => {
  draft = plainRelease();
  // Nothing of this fixture can be asked.
  for (const { status } of draft.pods) delete status?.podIP;
  target = new Target(draft);
  target.container.env = [
    { name: 'NODE_OPTIONS', value: '--max-old-space-size-percentage=60' },
    { name: 'HOLDFAST_BROKER_FILE', value: '/keys/broker' },
  ];
  api = await FakeApi.start(draft);
});
afterEach(() => api.stop());

/** The parts that need no probe. */
const STATIC = ['--only', 'service', 'pods', 'operation'];

function doctor(...args: string[]): Running {
  return new Running(['doctor', ...args], { env: { KUBECONFIG: api.kubeconfig } });
}

function breakSelector(): void {
  Object.assign(target.service.spec ?? {}, { selector: { app: 'gatway' } });
}

describe('holdfast doctor', () => {
  it('exits with 0 if nothing is broken, and says what it examined', async () => {
    const run = doctor(...STATIC);
    expect(await run.exitCode, run.stderr).toBe(0);
    expect(run.lines).toEqual(['Deployment gateway in namespace plain: nothing is broken, as far as it was examined']);
  });

  it('prints what is broken, where, what was seen and what mends it, and exits with 1', async () => {
    breakSelector();
    const run = doctor(...STATIC);
    expect(await run.exitCode).toBe(1);
    expect(run.lines.slice(0, 4)).toEqual([
      'error    HF201  The Service does not select the pods: labels differ',
      '         object Service/gateway',
      '         seen   the selector requires app=gatway (the pods have app=gateway)',
      `         mend   kubectl patch service gateway --namespace plain --type merge --patch '{"spec":{"selector":{"app":"gateway"}}}'`,
    ]);
    expect(run.stderr).toContain('first: HF201');
  });

  it('prints one object with --json', async () => {
    breakSelector();
    const run = doctor('--json', ...STATIC);
    expect(await run.exitCode).toBe(1);
    expect(run.json).toEqual([
      {
        healthy: false,
        namespace: 'plain',
        deployment: 'gateway',
        findings: [
          {
            id: 'HF201',
            level: 'error',
            title: expect.any(String),
            object: 'Service/gateway',
            evidence: expect.stringContaining('app=gatway'),
            mend: expect.stringContaining('kubectl patch service gateway'),
            docs: expect.stringMatching(/troubleshooting\.md#hf201$/),
          },
        ],
        unexamined: [],
      },
    ]);
  });

  it('looks for some findings only', async () => {
    breakSelector();
    const run = doctor('--only', 'HF501', '--only', 'hf502');
    expect(await run.exitCode, run.stderr).toBe(0);
  });

  it('prints advice, and exits with 0', async () => {
    target.container.env?.push({
      name: 'HOLDFAST_API_KEYS',
      valueFrom: { secretKeyRef: { name: 'keys', key: 'api' } },
    });
    const run = doctor(...STATIC);
    expect(await run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^advice {3}HF514/);
  });

  it('changes nothing, and reads no Secret', async () => {
    target.stopped(
      { waiting: { reason: 'CrashLoopBackOff' } },
      { lastState: { terminated: { exitCode: 1 } }, restartCount: 1 },
    );
    await doctor(...STATIC).exitCode;
    expect(api.requests.length).toBeGreaterThan(15);
    expect(api.requests.filter((request) => !request.startsWith('GET ') || request.includes('secrets'))).toEqual([]);
  });

  it('says what it may not look at', async () => {
    for (const kind of ['nodes', 'ingressclasses', 'poddisruptionbudgets'])
      api.statuses.set(new RegExp(`/${kind}$`), 403);
    const run = doctor(...STATIC);
    expect(await run.exitCode, run.stderr).toBe(0);
    const unexamined = run.lines.filter((line) => line.startsWith('not examined')).toSorted();
    expect(unexamined).toEqual([
      'not examined: IngressClasses (you may not list them)',
      'not examined: PodDisruptionBudgets (you may not list them)',
      'not examined: nodes (you may not list them)',
    ]);
  });

  it('a cluster without Gateway API is examined without it', async () => {
    api.statuses.set(/\/httproutes$/, 404);
    const run = doctor(...STATIC);
    expect(await run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).not.toContain('not examined');
  });

  it('names the rights that it needs', async () => {
    api.statuses.set(/\/pods$/, 403);
    const run = doctor(...STATIC);
    expect(await run.exitCode).toBe(1);
    expect(run.stderr).toContain('you may not list pods of namespace plain: doctor needs the role view');
  });

  it('exits with 69 if the cluster cannot be reached', async () => {
    api.statuses.set(/./, 500);
    const run = doctor(...STATIC);
    expect(await run.exitCode).toBe(69);
    expect(run.stderr).toContain('cannot reach the cluster (status 500)');
  });

  it.each([
    [['--only', 'HF999'], 'expected a number of docs/troubleshooting.md'],
    [['--deployment', 'other'], 'namespace plain has no Deployment other; there are: gateway'],
    [['--kube-context', 'other'], 'there is no context other'],
    [['--url', 'http://localhost'], 'expected the URL of the WebSocket'],
  ])('exits with 2 for %j', async (args, message) => {
    const run = doctor(...args);
    expect(await run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
  });

  it('exits with 2 if several Deployments may be the gateway', async () => {
    draft.deployments.push(Object.assign(structuredClone(target.deployment), { metadata: { name: 'second' } }));
    const run = doctor(...STATIC);
    expect(await run.exitCode).toBe(2);
    expect(run.stderr).toContain(
      'several Deployments in namespace plain: use --namespace and --deployment (there are: gateway, second)',
    );
  });

  it('says that it cannot reach the pods, and does not guess', async () => {
    api.statuses.set(/portforward$/, 403);
    const run = doctor('--only', 'broker');
    expect(await run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toContain('you may not forward ports (create pods/portforward)');
  });
});
