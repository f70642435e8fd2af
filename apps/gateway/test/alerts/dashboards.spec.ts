import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { withVariables } from '../../../../e2e/support/monitoring.js';
import { dashboardSvg, type DrawnPanel, type Line } from '../../../../e2e/report/dashboard-svg.js';
import { NatsServer } from '../../../../libs/broadcast/test/support/nats-server.js';
import { Backend } from '../support/backend.js';
import { secondsFromNow, signToken } from '../support/tokens.js';
import { monitoringOf, type Dashboard } from './chart.ts';
import { Repeated } from './faults/fault.ts';
import { Load } from './load.ts';
import { Prometheus } from './prometheus.ts';
import { Release } from './release.ts';
import { shorten } from './shorten.ts';

const PICTURES = new URL('../../../../docs/monitoring/', import.meta.url);
const NAMESPACE = 'holdfast';

/** As for the alerts: what is recorded for an hour is recorded for a minute. */
const FACTOR = 60;
/** s: Grafana's is at least four scrapes. */
const RATE_INTERVAL = '10s';
/** s between two points. */
const STEP = 1;

/** Expressions that cannot have data in this run, each with its reason. */
const WITHOUT_DATA: readonly (readonly [expr: RegExp, reason: string])[] = [
  [/holdfast_broker_notified/, 'PostgreSQL only'],
];

/** ms of load before, between and after the two faults. */
const HEALTHY = 40_000;
const OUTAGE = 8_000;

let prometheus: Prometheus;
let release: Release;
let dashboards: Dashboard[];

beforeAll(async () => {
  release = await Release.plan(NAMESPACE);
  const monitoring = await monitoringOf(NAMESPACE);
  ({ dashboards } = monitoring);
  const rules = { [NAMESPACE]: shorten(monitoring.groups, FACTOR) };
  prometheus = await Prometheus.start({ rules, targets: release.targets, lookback: 5 });
});

afterAll(async () => {
  await release?.close();
  await prometheus?.close();
});

it(
  'every expression of every panel has data, and the dashboards are drawn',
  { timeout: 400_000 },
  async ({ onTestFinished }) => {
    const nats = await NatsServer.start();
    onTestFinished(async () => nats.close());
    const backend = await Backend.start(({ type }) => (type.startsWith('authorize') ? { allow: true } : { data: 7 }));
    const url = `${nats.url}?partitions=4`;
    const events = ['client.connected', 'client.disconnected', 'channel.occupied', 'channel.vacated'];
    await release.install({
      brokers: [url, url, url],
      config: {
        namespaces: { news: { brokerPublish: true } },
        limits: { userFrames: { perSecond: 5, burst: 25 } },
        webhooks: {
          authorization: { url: backend.url, actions: ['subscribe'] },
          rpc: { url: backend.url },
          events: { url: backend.url, types: events },
        },
      },
      env: { HOLDFAST_WEBHOOK_SECRET: backend.secrets.join() },
    });
    const load = await Load.start(release.service.address);
    onTestFinished(async () => load.close());
    const misuse = new Repeated();
    onTestFinished(async () => misuse.stop());
    let count = 0;
    misuse.start(1_000, async () => {
      count += 1;
      await Promise.all(release.pods.slice(0, 3).map(async ({ port }) => misuseOf(port, count)));
      await nats.publish('holdfast.publish.load:1', '1').catch(() => undefined);
      await nats.publish('holdfast.log.0', 'not an entry').catch(() => undefined);
    });

    const begin = Date.now();
    const now = (): number => (Date.now() - begin) / 1_000;
    const faults: [number, number][] = [];
    await sleep(HEALTHY);
    const outage = now();
    await nats.kill();
    await sleep(OUTAGE);
    await nats.run();
    faults.push([outage, now()]);
    await sleep(HEALTHY);
    const update = now();
    await release.start(3);
    await release.pod(2).stop();
    faults.push([update, now()]);
    await sleep(HEALTHY / 2);
    const end = Date.now();

    const variables = {
      namespace: NAMESPACE,
      deployment: 'holdfast',
      pod: release.pod(0).name,
      __rate_interval: RATE_INTERVAL,
    };
    const times = Array.from({ length: Math.floor((end - begin) / 1_000 / STEP) + 1 }, (_, index) => index * STEP);
    const empty: string[] = [];
    await mkdir(PICTURES, { recursive: true });
    for (const { file, title, panels } of dashboards) {
      const drawn: DrawnPanel[] = [];
      for (const panel of panels) {
        const lines: Line[] = [];
        for (const { expr, legendFormat = '' } of panel.targets ?? []) {
          const series = await prometheus.range(withVariables(expr, variables), begin, end, STEP);
          const named = series.map(({ metric, values }): Line => {
            const known = new Map(values.map(([time, value]) => [Math.round(time - begin / 1_000), Number(value)]));
            return {
              name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
              values: times.map((time) => finite(known.get(time))),
            };
          });
          const hasData = named.some(({ values }) => values.some((value) => value !== undefined));
          if (!hasData && !WITHOUT_DATA.some(([known]) => known.test(expr)))
            empty.push(`${title}, ${panel.title}: ${expr}`);
          lines.push(...named);
        }
        drawn.push({ panel, lines });
      }
      await writeFile(new URL(`${file}.svg`, PICTURES), dashboardSvg({ title, times, panels: drawn, faults }));
    }
    expect(empty).toEqual([]);
  },
);

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** What a pod refuses, each second: a token, also one that expires, a frame, a channel, too many requests; and a call, which the backend answers. */
async function misuseOf(port: number, count: number): Promise<void> {
  const url = `ws://127.0.0.1:${port}/ws?access_token=`;
  const bad = new WebSocket(`${url}no-token`, ['holdfast.v1.json']);
  bad.on('error', () => undefined);
  // It closes this one.
  const expiring = await signToken({ sub: 'expiring', exp: secondsFromNow(2) });
  new WebSocket(url + expiring, ['holdfast.v1.json']).on('error', () => undefined);
  const token = await signToken({ sub: `misuser-${port}-${count % 5}` });
  const socket = new WebSocket(url + token, ['holdfast.v1.json']);
  socket.on('error', () => undefined);
  socket.on('open', () => {
    socket.send('{"event":');
    socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { channel: `asked:${count}` } }));
    socket.send(JSON.stringify({ event: 'publish', id: 2, data: { channel: 'secret:1', data: 1 } }));
    socket.send(JSON.stringify({ event: 'stock.count', id: 3, data: { item: 'lamp' } }));
    for (let id = 4; id < 30; id += 1) socket.send(JSON.stringify({ event: 'ping', id }));
  });
  await sleep(900);
  socket.terminate();
}
