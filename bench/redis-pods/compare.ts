import { writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { ready } from '../brokers/gateway.ts';
import { availableTokens } from '../load/tokens.ts';
import { LOAD_CORE, pinTo } from '../servers/pin.ts';
import { ServerProcess } from '../servers/process.ts';
import { connects, pods, type Rates } from './measure.ts';
import { oneServer, pod, threeShards, type RedisServers } from './servers.ts';
import { asMarkdown, type RedisPodsResult, type RedisPodsResults } from './table.ts';

const FULL = { sizes: [1, 2, 5, 10, 20], rates: { seconds: 10, publishesPerSecond: 200, connectsPerSecond: 50 } };
const QUICK = { sizes: [1, 3], rates: { seconds: 4, publishesPerSecond: 100, connectsPerSecond: 25 } };

/** What pods cost Redis as there are more of them: `npm run bench -- redis-pods`. */
export async function compareRedisPods(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(`npm run bench -- redis-pods [--quick] [--json FILE] [--markdown FILE]

  --quick    up to 3 pods, for a short time
  --json     a file for the figures
  --markdown a file for the table, which is printed anyway`);
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  pinTo([LOAD_CORE]);
  const { sizes, rates } = values.quick ? QUICK : FULL;
  await availableTokens(rates.connectsPerSecond * rates.seconds);
  const setUps: RedisPodsResult[] = [];
  for (const start of [oneServer, threeShards]) setUps.push(await measure(start, sizes, rates));
  const machine = `${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`;
  const results: RedisPodsResults = { date: new Date().toISOString(), machine, setUps };
  const markdown = `${results.date}, ${machine}\n\n${asMarkdown(setUps)}`;
  console.log(markdown);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (values.markdown !== undefined) await writeFile(values.markdown, markdown);
}

async function measure(
  start: () => Promise<RedisServers>,
  sizes: readonly number[],
  rates: Rates,
): Promise<RedisPodsResult> {
  const redis = await start();
  const gateways: ServerProcess[] = [];
  try {
    const samples = [];
    for (const size of sizes) {
      while (gateways.length < size) {
        const gateway = await ServerProcess.start(pod, { broker: redis.url });
        gateways.push(gateway);
        await ready(gateway.port);
      }
      process.stderr.write(`${redis.title}: ${size} pods\n`);
      samples.push(await pods(redis, gateways, rates));
    }
    const [first] = gateways;
    if (first === undefined) throw new Error('no gateway');
    return { title: redis.title, samples, connects: await connects(redis, first, rates) };
  } finally {
    for (const gateway of gateways) await gateway.stop();
    await redis.close();
  }
}
