/**
 * Attacks a gateway with two kinds of attack at a time, each for some seconds, in turn, until SIGTERM. Started by the soak test.
 *
 * `SOAK_ATTACKS`, a regular expression, selects attacks by name: one at a time shows the cost of each.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Target } from './attack.ts';
import { brokerAttacks } from './broker.ts';
import { channelAttacks } from './channels.ts';
import { socketAttacks } from './sockets.ts';

const CONCURRENT = 2;

const { target, seconds } = JSON.parse(process.argv[2] ?? '') as { target: Target; seconds: number };
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const selected = new RegExp(process.env['SOAK_ATTACKS'] ?? '');
/** The order determines which attacks run together; this one avoids two of the same kind. */
const attacks = interleaved([socketAttacks, channelAttacks, brokerAttacks]).filter(({ name }) => selected.test(name));
const turns = attacks.entries();
await Promise.all(Array.from({ length: CONCURRENT }, () => takeTurns()));
process.exit(0);

async function takeTurns(): Promise<void> {
  while (!stop.signal.aborted) {
    const { value } = turns.next();
    if (value === undefined) return;
    await attack(value[1]);
  }
}

async function attack(kind: Attack): Promise<void> {
  process.stdout.write(`${kind.name}\n`);
  const over = AbortSignal.any([stop.signal, AbortSignal.timeout(seconds * 1_000)]);
  await kind.run(target, over).catch((error: unknown) => {
    process.stderr.write(`${kind.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  });
  await sleep(100);
}

function interleaved(lists: readonly (readonly Attack[])[]): Attack[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat();
}
