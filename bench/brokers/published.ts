import { max } from 'simple-statistics';
import { day } from '../report/day.ts';
import { figure } from '../report/figure.ts';
import { markdownTable } from '../report/markdown.ts';
import { rounded, spreadOf } from '../report/ratios.ts';
import { BROKER_CASES, type BrokerCase } from './cases.ts';
import type { BrokerResults, BrokerSample } from './compare.ts';
import type { Figures } from './measures/measure.ts';
import { BROKERS, type Broker, type BrokerName } from './servers.ts';

/** The file that the tables of docs/brokers.md come from. */
export interface PublishedBrokers {
  readonly about: string;
  readonly date: string;
  readonly machine: string;
  /** The median of each figure, by broker and case; `gap` is 1 if there was one in any round. */
  readonly brokers: Readonly<Partial<Record<BrokerName, Readonly<Record<string, Figures>>>>>;
}

const NAMES: Readonly<Record<BrokerName, string>> = {
  memory: '`memory:`, one pod',
  redis: 'Redis',
  kafka: 'Kafka',
  rabbitmq: 'RabbitMQ',
  nats: 'NATS',
  postgres: 'PostgreSQL',
  pubsub: 'Pub/Sub (fake)',
};
const ALL = Object.keys(NAMES) as BrokerName[];

/** A row of what it costs. */
interface Cost {
  readonly title: string;
  readonly case: string;
  /** Those after the first one follow it in the same cell. */
  readonly keys: readonly string[];
  readonly digits: number;
  /** What the figure is divided by. */
  readonly by?: number;
  readonly except?: BrokerName;
}

const COSTS: readonly Cost[] = [
  {
    title: 'latency between two pods at 1,000 messages per second, p50 (ms)',
    case: 'latency',
    keys: ['p50'],
    digits: 1,
  },
  { title: '… p99 (ms)', case: 'latency', keys: ['p99'], digits: 1 },
  { title: 'CPU of both pods per message at that rate (µs)', case: 'latency', keys: ['cpu'], digits: 0 },
  {
    title: 'CPU of the server per message at that rate (µs)',
    case: 'latency',
    keys: ['server'],
    digits: 0,
    // A fake is not what Google runs.
    except: 'pubsub',
  },
  { title: 'publishes per second that one pod answers', case: 'saturation', keys: ['saturated'], digits: 0 },
  { title: '… per second of its CPU time', case: 'saturation', keys: ['saturatedPerCore'], digits: 0 },
  {
    title: 'CPU on every other pod per message at 5,000 per second (µs)',
    case: 'folding',
    keys: ['cpuPerFold'],
    digits: 0,
  },
  { title: '… if one pod publishes as much as it can (µs)', case: 'folding', keys: ['cpuPerBusyFold'], digits: 1 },
  {
    title: 'heap of a channel without history on every pod (bytes)',
    case: 'channels',
    keys: ['channel'],
    digits: 0,
    except: 'memory',
  },
  {
    title: 'heap of a connection on its pod, and on every other (bytes)',
    case: 'connections',
    keys: ['connection', 'connectionElsewhere'],
    digits: 0,
  },
  {
    title: 'a pod that starts beside 200,000 channels is ready after (s)',
    case: 'channels',
    keys: ['start'],
    digits: 1,
    by: 1_000,
  },
  {
    title: 'longest step of the event loop with snapshots of them (ms)',
    case: 'channels',
    keys: ['snapshotStep'],
    digits: 0,
  },
  {
    title: '… while a pod restores one, its own start included (ms)',
    case: 'channels',
    keys: ['startStep'],
    digits: 0,
  },
];

/** The rows of what a failure costs, by case. */
const FAILURES: Readonly<Record<string, string>> = {
  cut: 'all connections are closed',
  restart: 'the server is killed, and started with its data',
  empty: 'the server is killed, and started without data',
  leader: 'the leader of three servers is killed',
  pods: 'all pods are killed and started again',
};

/** What is published of a run of all brokers. @throws if it has failed for one of them */
export function publishedBrokers({ date, machine, samples }: BrokerResults): PublishedBrokers {
  return {
    about:
      'Written by npm run generate:figures -- brokers --from FILE, of npm run bench -- brokers --json FILE. Units are those of bench/brokers/cases.ts.',
    date: date.slice(0, 10),
    machine,
    brokers: Object.fromEntries(
      BROKERS.map((broker) => [
        broker.name,
        Object.fromEntries(
          BROKER_CASES.filter((measured) => canHave(broker, measured)).map((measured) => [
            measured.name,
            figuresOf(broker, measured, samples),
          ]),
        ),
      ]),
    ),
  };
}

function canHave(broker: Broker, { except = [], clustered }: BrokerCase): boolean {
  return !except.includes(broker.name) && (clustered === undefined || broker.startCluster !== undefined);
}

function figuresOf(broker: Broker, measured: BrokerCase, samples: readonly BrokerSample[]): Figures {
  const rounds = samples
    .filter((sample) => sample.broker === broker.name && sample.case === measured.name)
    .flatMap(({ figures }) => (figures === undefined ? [] : [figures]));
  if (rounds.length === 0) throw new Error(`the results have no figures for ${broker.title}, ${measured.name}`);
  return Object.fromEntries(
    measured.columns.flatMap(({ key, isYes = false }) => {
      const values = rounds.flatMap((figures) => figures[key] ?? []);
      const spread = spreadOf(values);
      return spread === undefined ? [] : [[key, isYes ? max(values) : rounded(spread.median)]];
    }),
  );
}

/** The figures of a broker in a case, if it was measured. */
export function brokerFigures({ brokers }: PublishedBrokers, broker: BrokerName, name: string): Figures {
  return brokers[broker]?.[name] ?? {};
}

export function brokerTables(published: PublishedBrokers): Readonly<Record<'costs' | 'failures', string>> {
  const { date, machine } = published;
  const costs = [
    ['What it costs', ...ALL.map((broker) => NAMES[broker])],
    ...COSTS.map((cost) => [cost.title].concat(ALL.map((broker) => costCell(published, broker, cost)))),
  ];
  const shared = ALL.filter((broker) => broker !== 'memory');
  const failures = [
    ['Failure', ...shared.map((broker) => NAMES[broker])],
    ...Object.entries(FAILURES).map(([name, title]) =>
      [title].concat(shared.map((broker) => failureCell(brokerFigures(published, broker, name)))),
    ),
  ];
  return {
    costs: `Measured: ${day(date)}, ${machine}.\n\n${markdownTable(costs)}`,
    failures: markdownTable(failures),
  };
}

function costCell(published: PublishedBrokers, broker: BrokerName, cost: Cost): string {
  const figures = cost.except === broker ? {} : brokerFigures(published, broker, cost.case);
  const values = cost.keys.flatMap((key) => figures[key] ?? []);
  // The memory broker shares nothing, and has no server: there is nothing to be missed.
  if (values.length === 0) return broker === 'memory' ? '' : '–';
  return values.map((value) => figure(value / (cost.by ?? 1), cost.digits)).join(', ');
}

function failureCell({ pause, away, gap }: Figures): string {
  if (pause === undefined) return '–';
  return `${seconds(pause)}${away === undefined ? '' : ` (${seconds(away)} away)`}${gap === 1 ? ', gap' : ''}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toLocaleString('en', { maximumFractionDigits: 1 })} s`;
}
