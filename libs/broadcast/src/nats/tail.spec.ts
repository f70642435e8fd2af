import type { Msg } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Session } from './connection.js';
import { Tail, type TailEvents } from './tail.js';

const CREATED = '2026-01-01T00:00:00Z';

/** A message as the leader republishes it. */
function copyOf(offset: number): Msg {
  const headers = new Map([
    ['Nats-Sequence', `${offset}`],
    ['Nats-Time-Stamp', CREATED],
  ]);
  return { headers, data: new Uint8Array() } as unknown as Msg;
}

function subscribe(_subject: string, { callback }: { callback: typeof receive }): object {
  receive = callback;
  return { unsubscribe: () => undefined };
}

let receive: (error: null, message: Msg) => void;
let answer: (last: number) => void;
let info: ReturnType<typeof vi.fn<() => Promise<unknown>>>;
let onEntries: ReturnType<typeof vi.fn<TailEvents['onEntries']>>;
let onEnd: ReturnType<typeof vi.fn<TailEvents['onEnd']>>;
let sut: Tail;

beforeEach(async () => {
  info = vi.fn<() => Promise<unknown>>(
    async () =>
      new Promise((resolve) => {
        answer = (last) =>
          resolve({ created: CREATED, state: { messages: last, first_seq: 1, last_seq: last, last_ts: CREATED } });
      }),
  );
  const session = { connection: { subscribe }, manager: { streams: { info } } } as unknown as Session;
  onEntries = vi.fn<TailEvents['onEntries']>();
  onEnd = vi.fn<TailEvents['onEnd']>();
  const names = { stream: 'log-0', subject: 'log.0', live: 'live.0' };
  sut = new Tail(session, names, 'next', { onEntries, onEnd });
  answer(3);
  await vi.waitFor(
    () => {
      sut.tick();
      expect(info).toHaveBeenCalledTimes(2);
    },
    { interval: 1 },
  );
});
afterEach(() => sut.stop());

it('goes on if an entry arrives while the leader is asked what there is', async () => {
  receive(null, copyOf(4));
  answer(3);
  await vi.waitFor(() => expect(onEntries).toHaveBeenCalledOnce());
  receive(null, copyOf(5));
  await vi.waitFor(() => expect(onEntries).toHaveBeenCalledTimes(2));
  expect(onEnd).not.toHaveBeenCalled();
});

it('ends if the stream has fewer entries than were handed out', async () => {
  answer(2);
  await vi.waitFor(() => expect(onEnd).toHaveBeenCalledWith('stream log-0 was deleted or cut', true));
});
