import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokerFigures, type PublishedBrokers } from '../bench/brokers/published.js';
import type { BrokerName } from '../bench/brokers/servers.js';
import type { RedisPodsResults } from '../bench/redis-pods/table.js';
import type { Published } from '../bench/report/published/results.js';
import { cost } from '../bench/report/published/tables.js';
import type { ScaleResults } from '../bench/scale/table.js';
import type { PublishedFaults } from '../e2e/report/published.js';
import { EXAMPLES, ROOT } from './doc-examples.js';

/** What the tables of a page are generated from. */
function resultsOf(page: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'docs', page, 'results.json'), 'utf8'));
}

const PERFORMANCE = resultsOf('performance') as Published;
const RESILIENCE = resultsOf('resilience') as PublishedFaults;
const BROKERS = resultsOf('brokers') as PublishedBrokers;
const REDIS = resultsOf('brokers/redis') as RedisPodsResults;
const SCALE = resultsOf('scaling') as ScaleResults;

/** The brokers on a log. */
const LOGS = ['kafka', 'rabbitmq', 'nats'] as const;

function figureOf(broker: BrokerName, name: string, key: string): number {
  const figure = brokerFigures(BROKERS, broker, name)[key];
  if (figure === undefined) throw new Error(`the results have no ${key} of ${broker}, ${name}`);
  return figure;
}

const publishesOf = (broker: BrokerName): number => figureOf(broker, 'saturation', 'saturated');

const onLogs = (name: string, key: string): number[] => LOGS.map((broker) => figureOf(broker, name, key));

function verdictOf(fault: string): PublishedFaults['faults'][number]['verdict'] {
  const measured = RESILIENCE.faults.find((one) => one.fault === fault);
  if (measured === undefined) throw new Error(`the results have no ${fault}`);
  return measured.verdict;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function numbersOf(text = ''): string[] {
  return text.match(/[\d.]+/g) ?? [];
}

/** The text of a page, with each line break as a space. */
function pageOf(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8').replace(/\s+/g, ' ');
}

/** The cells of the row of a table that begins with this text. */
function rowOf(page: string, start: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const row = text.split('\n').find((line) => line.startsWith(`| ${start} `));
  if (row === undefined) throw new Error(`docs/${page} has no row ${start}`);
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('**', ''));
}

describe('figures that several pages state are the same', () => {
  it.each(['6,500', '15,900', '34,800'])('connections of a pod: %s', (figure) => {
    for (const page of ['cost.md', 'scaling.md', 'cheat-sheet.md']) expect(pageOf(page), page).toContain(figure);
  });

  it.each([
    ['a delivery', cost(PERFORMANCE, 'broadcast', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md']],
    ['a direct message', cost(PERFORMANCE, 'direct', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md']],
    ['a connect', cost(PERFORMANCE, 'connect', 'cpu'), ['scaling.md', 'comparison.md', 'cost.md', 'cheat-sheet.md']],
    ['an HTTP publish', cost(PERFORMANCE, 'http', 'single'), ['scaling.md', 'comparison.md']],
  ])('CPU of %s: %s', (_name, figure, pages) => {
    // Or `6.4 to 23.9 µs`.
    const number = figure.replace(' µs', '');
    for (const page of pages) expect(pageOf(page), page).toMatch(new RegExp(`\\b${number} (?:µs|to [\\d.]+ µs)`));
  });

  it('the costs of the comparison are those of the benchmark', () => {
    // The rows of one table are the columns of the other.
    const servers = ['Holdfast', '`ws` loop', 'Nest WsAdapter', 'Socket.IO', 'Centrifuge'];
    const cases = [
      'CPU per delivery, 1 message × 1,000',
      'CPU per delivery on a hot channel',
      'CPU per direct message',
      'memory of an idle connection',
      'CPU of a connect',
      'CPU of an HTTP publish',
    ];
    const measured = servers.map((server) => rowOf('performance.md', server).slice(1));
    cases.forEach((name, index) => {
      const stated = rowOf('comparison.md', name).slice(1);
      expect(
        stated.map((cell) => cell.replace(/ \(.*/, '')),
        name,
      ).toEqual(measured.map((row) => row[index]));
    });
  });

  it('the rollouts of the comparison are those of the end-to-end run', () => {
    for (const [row, fault] of [
      ['rolling restart', 'a rolling restart, twice in a row'],
      ['pod deleted by force', 'kubectl delete pod --force'],
      ['Redis restarted empty', 'Redis killed and restarted without its data'],
    ] as const) {
      const { lost, clients, clientsWithGaps, interruption } = verdictOf(fault);
      const { library } = interruption;
      const notified = clientsWithGaps === clients ? ', each client notified' : '';
      const disconnected =
        library.clients === 0
          ? 'nobody disconnected'
          : `${library.clients} disconnected, for ${(library.max / 1_000).toFixed(1)} s at most`;
      expect(rowOf('comparison.md', row).at(-1)).toBe(
        `${lost} lost${notified === '' ? `; ${disconnected}` : notified}`,
      );

      // Of the others, one page has fewer figures than the other.
      const [ours, theirs] = ['comparison.md', 'resilience.md'].map((page) => rowOf(page, row).slice(1, 4));
      ours?.forEach((cell, index) => {
        expect(numbersOf(theirs?.[index]), row).toEqual(expect.arrayContaining(numbersOf(cell)));
      });
    }
  });

  it.each([
    ['index.md', 'a rolling update to another image tag', 'Of MESSAGES messages none was lost'],
    ['scaling.md', 'an OOM kill', '[Measured](resilience.md#what-was-measured) with 300 clients: LONGEST s at most'],
    ['scaling.md', "kill −9 of a gateway's process", 'the last of 300 clients was back LONGEST s after a `kill -9`'],
    ['scaling.md', 'an OOM kill', 'and LONGEST s after an OOM kill'],
    ['ingress/traefik.md', 'Traefik restarted', 'they were back within LONGEST s'],
    [
      'ingress/ingress-nginx.md',
      'ingress-nginx reloaded by a change of another Ingress, and sockets cut 5 s later',
      'With CLIENTS clients of 1,000 behind it and a timeout of 5 s nothing was lost, and all were back within LONGEST s',
    ],
    [
      'ingress/ingress-nginx.md',
      'ingress-nginx restarted, with worker-shutdown-timeout at 5 s',
      'the last client was back after SECONDS s',
    ],
  ])('%s says what was measured in "%s"', (page, fault, text) => {
    const { acknowledged, interruption } = verdictOf(fault);
    const { clients, max } = interruption.library;
    const stated = text
      .replace('MESSAGES', acknowledged.toLocaleString('en'))
      .replace('CLIENTS', `${clients}`)
      .replace('LONGEST', (max / 1_000).toFixed(1))
      .replace('SECONDS', (max / 1_000).toFixed(0));
    expect(pageOf(page)).toContain(stated);
  });

  it('no message was lost, duplicated or out of order in any fault, and none on a log costs a gap: resilience.md', () => {
    for (const { fault, verdict } of [...RESILIENCE.faults, ...RESILIENCE.brokers]) {
      const { lost, duplicated, misordered } = verdict;
      expect([lost, duplicated, misordered], fault).toEqual([0, 0, 0]);
    }
    for (const { fault, verdict } of RESILIENCE.brokers) expect(verdict.clientsWithGaps, fault).toBe(0);
  });

  it('what one pod publishes on each broker: scaling.md', () => {
    const logs = LOGS.map(publishesOf);
    const [least, most] = [Math.min(...logs), Math.max(...logs)].map((figure) => figure.toLocaleString('en'));
    expect(rowOf('scaling.md', 'Redis')[1]).toContain(`about ${publishesOf('redis').toLocaleString('en')} publishes`);
    expect(rowOf('scaling.md', 'Kafka, RabbitMQ, NATS')[1]).toContain(`${least} to ${most} publishes`);
    expect(rowOf('scaling.md', 'PostgreSQL')[1]).toContain(`${publishesOf('postgres').toLocaleString('en')} publishes`);
  });

  it('what every pod spends on the messages and connections of all others: brokers.md and scaling.md', () => {
    const spent = onLogs('folding', 'cpuPerFold');
    const [least, most] = [Math.min(...spent), Math.max(...spent)];
    expect(pageOf('brokers.md')).toContain(`at ${least} to ${most} µs`);
    expect(pageOf('brokers.md')).toContain(
      `at about ${mean(onLogs('folding', 'cpuPerBusyFold')).toFixed(0)} µs of CPU each`,
    );
    const kilobytes = (mean(onLogs('connections', 'connectionElsewhere')) / 1_000).toFixed(1);
    expect(rowOf('scaling.md', 'Kafka, RabbitMQ, NATS')[1]).toContain(`keeps ${kilobytes} KB for each connection`);
    expect(pageOf('scaling.md')).toContain(`every pod would keep ${kilobytes} KB for each of the million connections`);
  });

  it('what idle pods cost Redis: brokers/redis.md', () => {
    // µs of CPU per pod and second, as a percentage of a core.
    const [one = 0, cluster = 0] = REDIS.setUps.map(
      ({ samples }) => ((samples.find(({ pods }) => pods === 20)?.idle.cpu ?? 0) * 20) / 10_000,
    );
    expect(pageOf('brokers/redis.md')).toContain(
      `What 20 idle pods cost together is ${one.toFixed(1)} % of a core on one server, and ${cluster.toFixed(0)} % on the cluster`,
    );
  });

  it('what the simulation found: scaling.md', () => {
    const failover = SCALE.simulation.scenarios.find(({ title }) => title === 'Redis failed over within 5 s');
    expect(pageOf('scaling.md')).toContain(`answers within ${((failover?.redisWait ?? 0) / 1_000).toFixed(1)} s`);
  });

  it('the calculator prints what the page says', () => {
    const calculator = EXAMPLES.find(({ page, language }) => page === 'docs/scaling.md' && language === 'sh');
    const { stdout, stderr } = spawnSync('bash', ['-euc', calculator?.text ?? ''], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(pageOf('scaling.md')).toContain(`It prints \`${stdout.trim()}\``);
  });
});
