import { getHeapStatistics } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { ChannelsService } from '../src/channels/channels.service.js';
import { Hub } from '../src/channels/hub.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { kernelWrites, type KernelWrite } from './support/kernel-writes.js';
import { NO_LIMITS } from './support/no-limits.js';
import { Pod, settled } from './support/pod.js';
import type { TestClient } from './support/test-client.js';
import { timers } from './support/timers.js';

// Counted instead of timed, so that a regression fails on any machine.

const SUBSCRIBERS = 30;

interface Room {
  readonly hub: Hub;
  readonly clients: readonly TestClient[];
  /** Since all clients were subscribed. */
  readonly writes: readonly KernelWrite[];
}

/** Subscribes clients to `room:1`. */
async function room(gateway: TestGateway): Promise<Room> {
  const writes = kernelWrites(gateway.app.getHttpServer());
  const clients = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, async () => {
      const client = await gateway.connect();
      await client.request('subscribe', { channel: 'room:1' });
      return client;
    }),
  );
  writes.length = 0;
  return { hub: gateway.app.get(Hub), clients, writes };
}

/** Publications within one turn of the event loop, as a broker delivers them. */
function publish(hub: Hub, from: number, count: number, data = 'hello'): void {
  for (let offset = from; offset < from + count; offset += 1) {
    hub.onPublication('room:1', { offset, time: 1_700_000_000_000, payload: JSON.stringify({ data }) });
  }
}

const received = (clients: readonly TestClient[], count: number): Promise<void> =>
  vi.waitFor(() => {
    for (const client of clients) expect(client.of('message')).toHaveLength(count);
  });

describe('the cost of a delivery', () => {
  it('is one write to the kernel, of a frame that is encoded once for all subscribers', async () => {
    const { hub, clients, writes } = await room(await startGateway({ limits: NO_LIMITS }));
    publish(hub, 1, 1);
    await received(clients, 1);
    expect(writes).toHaveLength(SUBSCRIBERS);
    expect(new Set(writes.map(({ socket }) => socket)).size).toBe(SUBSCRIBERS);
    expect(new Set(writes.map(({ chunk }) => chunk)).size).toBe(1);
  });

  it.each([20, 400])(
    'is less if %d messages arrive in one turn: one write per subscriber, with the frames joined once for all',
    async (count) => {
      const { hub, clients, writes } = await room(await startGateway({ limits: NO_LIMITS }));
      publish(hub, 1, count);
      await received(clients, count);
      expect(writes).toHaveLength(SUBSCRIBERS);
      expect(new Set(writes.map(({ chunk }) => chunk)).size).toBe(1);
    },
  );

  it('is one write for all channels of a connection that have messages in one turn', async () => {
    const gateway = await startGateway({ limits: NO_LIMITS });
    const writes = kernelWrites(gateway.app.getHttpServer());
    const client = await gateway.connect();
    const channels = Array.from({ length: 50 }, (_, index) => `room:${index}`);
    await Promise.all(channels.map((channel) => client.request('subscribe', { channel })));
    writes.length = 0;
    const hub = gateway.app.get(Hub);
    for (const channel of channels) hub.onPublication(channel, { offset: 1, time: 1, payload: '{"data":1}' });
    await received([client], channels.length);
    expect(writes).toHaveLength(1);
  });

  it('includes no check of a payload that this pod has encoded itself', async () => {
    const gateway = await startGateway({ limits: NO_LIMITS });
    const client = await gateway.connect();
    await client.request('subscribe', { channel: 'room:1' });
    const parse = vi.spyOn(JSON, 'parse');
    const parsedPayloads = (): unknown[] => parse.mock.calls.filter(([text]) => text.startsWith('{"data":'));
    try {
      await gateway.app.get(ChannelsService).publish({ channel: 'room:1', data: 'own', publisher: 'p' });
      await received([client], 1);
      expect(parsedPayloads()).toHaveLength(0);
      gateway.app.get(Hub).onPublication('room:1', { offset: 2, time: 1, payload: '{"data":"of another pod"}' });
      await received([client], 2);
      expect(parsedPayloads()).toHaveLength(1);
    } finally {
      parse.mockRestore();
    }
  });

  it('is nothing while the gateway is idle: no write, and no timer per connection', async () => {
    const gateway = await startGateway({ limits: NO_LIMITS });
    const before = timers();
    const { writes } = await room(gateway);
    // Node has one timer for all sockets with a timeout.
    await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before + 1));
    for (let turn = 0; turn < 100; turn += 1) await settled();
    expect(writes).toEqual([]);
  });
});

/** Enough that the cost of the publication itself hardly matters. */
const MANY = 500;
/** The maximum of JS heap per delivery, in bytes. It is about 100; the smallest closure is 64, a Buffer 100 or more. */
const MAX_BYTES_PER_DELIVERY = 150;
const ROUNDS = 100;
const ATTEMPTS = 20;

it('a delivery allocates no closure, promise or buffer', async () => {
  const pod = await Pod.start({ file: { limits: NO_LIMITS } });
  const clients = Array.from({ length: MANY }, () => pod.connect());
  for (const client of clients) {
    await client.subscribe('room:1');
    // The kernel's work is not measured here.
    client.socket.write = () => true;
  }
  let written: (() => void) | undefined;
  const last = clients.at(-1);
  if (last !== undefined) last.socket.write = () => (written?.(), true);
  let offset = 0;
  const bytesPerDelivery = async (): Promise<number> => {
    const before = getHeapStatistics().total_allocated_bytes;
    for (let round = 0; round < ROUNDS; round += 1) {
      publish(pod.hub, (offset += 1), 1);
      // After a flush of many sockets the next one is delayed for a moment.
      await new Promise<void>((resolve) => (written = resolve));
    }
    return (getHeapStatistics().total_allocated_bytes - before) / (ROUNDS * MANY);
  };
  // Code allocates more until V8 has optimized it.
  let bytes = Infinity;
  for (let attempt = 1; attempt <= ATTEMPTS && bytes > MAX_BYTES_PER_DELIVERY; attempt += 1)
    bytes = await bytesPerDelivery();
  expect(bytes).toBeLessThanOrEqual(MAX_BYTES_PER_DELIVERY);
});
