import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PostgresBroker } from '../../src/postgres/postgres-broker.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, STREAM, Subscriber } from '../../src/testing/load.js';
import { PostgresServer } from '../support/postgres-server.js';

const CHANNELS = ['news:1', 'news:2'];

/** Writes a file until the disk is full. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let part = Buffer.alloc(1_048_576); part.length > 0;) {
      const { bytesWritten } = await file.write(part).catch(() => ({ bytesWritten: 0 }));
      if (bytesWritten === 0) part = part.subarray(0, Math.floor(part.length / 2));
    }
  } finally {
    await file.close();
  }
}

it('a full disk refuses publishes, and loses nothing that was acknowledged', async () => {
  const server = await PostgresServer.start({ disk: 160, configuration: 'max_wal_size = 32MB' });
  const filler = join(server.directory, 'filler');
  const pods = [
    new Subscriber(new PostgresBroker(() => server.url)),
    new Subscriber(new PostgresBroker(() => server.url)),
  ];
  const load = new Load(pods, CHANNELS);
  try {
    for (const pod of pods) await pod.start(CHANNELS);
    load.start(4, 5, 2_000);
    await load.flows();
    await fill(filler);
    // Sooner or later a table or the log of the server needs more: the latter makes the server restart or end.
    const large = { channel: 'other', payload: 'x'.repeat(500_000), stream: STREAM, idempotency: undefined };
    await eventually(async () => {
      await expect(pods[0]?.broker.publish(large)).rejects.toThrow(
        /disk of the server is full|no answer|not conn|lost|starting/,
      );
    }, 60_000);
    await rm(filler);
    if (!(await server.isRunning())) await server.run();
    await load.flows(60_000);
    await load.stop();
    await load.check({ lossless: true });
  } finally {
    await load.stop();
    await Promise.all(pods.map(async ({ broker }) => broker.close()));
    await server.close();
  }
});
