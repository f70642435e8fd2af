import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Connections } from '../src/connection/connections.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { heapInUse } from './support/heap.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, TEXT, upgradeRequest } from './support/raw-socket.js';
import { systemProgram } from './support/system-package.js';

const FAST = 500;
const MESSAGES = 200;
const MAX_BUFFERED = 200_000;

/** Node cannot set a small receive buffer; Python can. The client subscribes, and never reads again. */
const SLOW_READER = fileURLToPath(new URL('support/slow_reader.py', import.meta.url));

/** A client that reads at once, and records when each message arrived. */
class FastReader {
  readonly arrivals: number[] = [];
  private tail = '';

  static async connect(port: number): Promise<FastReader> {
    const reader = new FastReader();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(upgradeRequest());
    socket.write(clientFrame(TEXT, '{"event":"subscribe","id":1,"data":{"channel":"x"}}'));
    let text = '';
    while (!text.includes('"reply"')) text += String((await once(socket, 'data'))[0]);
    socket.on('data', (chunk: Buffer) => reader.read(chunk.toString('latin1')));
    return reader;
  }

  private read(text: string): void {
    const parts = (this.tail + text).split('"event":"message"');
    for (let n = 1; n < parts.length; n += 1) this.arrivals.push(performance.now());
    this.tail = parts.length > 1 ? (parts.at(-1) ?? '').slice(-20) : (this.tail + text).slice(-20);
  }
}

/** The 99th percentile of the delivery times to all readers, in ms. */
async function p99(sut: TestGateway, readers: readonly FastReader[]): Promise<number> {
  const publisher = await sut.connect();
  const times: number[] = [];
  const data = 'x'.repeat(2_000);
  for (const reader of readers) reader.arrivals.length = 0;
  for (let n = 0; n < MESSAGES; n += 1) {
    const begun = performance.now();
    await publisher.publish('x', data);
    while (readers.some(({ arrivals }) => arrivals.length <= n)) await new Promise((resolve) => setImmediate(resolve));
    for (const { arrivals } of readers) times.push((arrivals[n] ?? Infinity) - begun);
  }
  await publisher.close();
  times.sort((one, other) => one - other);
  return times[Math.floor(times.length * 0.99)] ?? Infinity;
}

it(
  `promise 7: a client that never reads delays none of ${FAST} others, and costs at most its budget`,
  { timeout: 120_000 },
  async () => {
    const python = systemProgram('/usr/bin/python3', ['python3']);
    const sut = await startGateway({
      // It does not answer pings, and should be closed because it does not read.
      connection: { maxBuffered: MAX_BUFFERED, ping: 300 },
      limits: NO_LIMITS,
      namespaceDefaults: { history: { size: 0 } },
    });
    const readers = await Promise.all(Array.from({ length: FAST }, () => FastReader.connect(sut.port)));
    await p99(sut, readers);
    const alone = await p99(sut, readers);

    const slow = spawn(python, [SLOW_READER, String(sut.port), 'x', 'filler'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void slow.kill('SIGKILL'));
    await once(slow.stdout, 'data');
    await expect.poll(() => metric(sut, 'holdfast_subscriptions')).toBe(FAST + 2);
    // The kernel's buffers are full, and a part of its budget is used.
    const filler = await sut.connect();
    const [reader] = sut.app.get(Connections).all().toReversed().slice(1);
    if (reader === undefined) throw new Error('not connected');
    while (reader.buffered < 20_000) {
      await filler.publish('filler', 'x'.repeat(10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await filler.close();
    const heap = await heapInUse();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(
        most,
        ...sut.app
          .get(Connections)
          .all()
          .map(({ buffered }) => buffered),
      );
    }, 5);
    const withSlowReader = await p99(sut, readers);
    clearInterval(watch);
    console.log(
      `p99 alone ${alone.toFixed(1)} ms, with a slow reader ${withSlowReader.toFixed(1)} ms, ${most} bytes buffered`,
    );

    // Measured in one run on one machine, so that only the slow reader makes a difference; the margin is for stalls of the machine.
    expect(withSlowReader).toBeLessThan(Math.max(3 * alone, alone + 100));
    expect(most).toBeGreaterThan(10_000);
    expect(most).toBeLessThan(MAX_BUFFERED + 70_000);
    expect((await heapInUse()) - heap).toBeLessThan(3_000_000);
    await expect.poll(() => metric(sut, 'holdfast_slow_consumers_total')).toBe(1);
    // It does not answer the closing handshake either, which has a timeout.
    await vi.waitFor(async () => expect(await metric(sut, 'holdfast_subscriptions')).toBe(FAST));
  },
);
