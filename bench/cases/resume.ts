import type { Client } from '../load/client.ts';
import type { Position } from '../load/dialect.ts';
import { messageData } from '../load/message.ts';
import { Meter, type Conditions } from '../load/meter.ts';
import { inParallel, openClient } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import type { Case } from './case.ts';

const CHANNELS = 20;
const MISSED = 20;

/** The number of clients per turn, of which every other one resumes. */
const TURN = 500;
const TURNS = { full: 4, quick: 2 };

export const resume: Case = {
  name: 'resume',
  title: 'resume that replays 20 messages, compared with connect + subscribe',
  servers: ['holdfast', 'centrifuge'],
  metrics: [
    { key: 'resume', title: 'CPU per resume', unit: 'µs' },
    { key: 'plain', title: 'CPU per connect + subscribe', unit: 'µs' },
  ],
  targets: [{ metric: 'resume', ofMetric: 'plain', bound: 1.5 }],
  quick: ['holdfast'],
  async run(server, { quick }) {
    const process = await ServerProcess.start(server);
    const comers = new Comers(process);
    try {
      await comers.prepare();
      const cpu = { plain: 0, resume: 0 };
      let conditions: Conditions | undefined;
      const turns = quick ? TURNS.quick : TURNS.full;
      // The first turn warms up compilers and caches.
      for (let turn = 0; turn <= turns; turn += 1) {
        for (const kind of ['plain', 'resume'] as const) {
          const meter = new Meter(process);
          await comers.come(TURN, kind);
          const measured = meter.stop();
          conditions = measured.conditions;
          if (turn > 0) cpu[kind] += measured.cpu;
        }
      }
      const values = { plain: cpu.plain / (turns * TURN), resume: cpu.resume / (turns * TURN) };
      return conditions === undefined ? { values } : { values, conditions };
    } finally {
      comers.leave();
      await process.stop();
    }
  },
};

/** Clients that connect, some of which have missed messages. */
class Comers {
  readonly #port: number;
  readonly #server: Server;
  readonly #open: Client[] = [];
  /** The position of each channel before the missed messages. */
  readonly #positions: Position[] = [];
  #next = 1;

  constructor({ port, server }: ServerProcess) {
    this.#port = port;
    this.#server = server;
  }

  /** Publishes the messages to be missed. */
  async prepare(): Promise<void> {
    const { dialect } = this.#server;
    const watcher = await openClient(0, { port: this.#port, dialect });
    const publisher = await openClient(0, { port: this.#port, dialect });
    this.#open.push(watcher, publisher);
    for (let channel = 0; channel < CHANNELS; channel += 1) {
      const reply = await watcher.subscribe(nameOf(channel));
      if (dialect.position === undefined) throw new Error(`${this.#server.title} has no positions`);
      this.#positions.push(dialect.position(reply));
    }
    // Only now, because a reply that shares a frame with messages would be counted as a message.
    for (let message = 0; message < CHANNELS * MISSED; message += 1) {
      publisher.publish(nameOf(message % CHANNELS), messageData(message));
    }
    await watcher.received(CHANNELS * MISSED);
  }

  async come(count: number, kind: 'plain' | 'resume'): Promise<void> {
    const { dialect } = this.#server;
    const first = this.#next;
    this.#next += count;
    await inParallel(count, async (index) => {
      const number = first + index;
      const channel = number % CHANNELS;
      const client = await openClient(number, { port: this.#port, dialect });
      this.#open.push(client);
      const reply = await client.subscribe(nameOf(channel), kind === 'resume' ? this.#positions[channel] : undefined);
      if (kind === 'resume') await client.received(MISSED - (dialect.replayed?.(reply) ?? 0));
    });
  }

  leave(): void {
    for (const client of this.#open) client.close();
  }
}

function nameOf(channel: number): string {
  return `room:${channel}`;
}
