import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Writable, type Duplex } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { supersedes } from './conflation.js';
import { FlushSchedule } from './flush-schedule.js';
import { FrameJoiner, Outbox } from './outbox.js';

/** A socket whose kernel accepts writes when the test says so. */
class SlowSocket extends Writable {
  /** The content of each write to the kernel. */
  readonly writes: string[] = [];
  private taken: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 65_536 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString());
    this.taken.push(done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)).toString());
    this.taken.push(done);
  }

  async take(): Promise<void> {
    this.taken.shift()?.();
    await nextTurn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function outbox(
  state: { readyState: number } = { readyState: WebSocket.OPEN },
  schedule = new FlushSchedule(),
): { sut: Outbox; socket: SlowSocket } {
  const socket = new SlowSocket();
  const sut = new Outbox(state as WebSocket, socket as unknown as Duplex, schedule, new FrameJoiner());
  return { sut, socket };
}

describe('an outbox', () => {
  it('writes everything that was queued in one turn with a single write at its end, in order', async () => {
    const { sut, socket } = outbox();
    const write = vi.spyOn(socket, 'write');
    for (const text of ['a', 'b', 'c']) sut.push(Buffer.from(text));
    expect(write).not.toHaveBeenCalled();
    await nextTurn();
    expect(write).toHaveBeenCalledOnce();
    expect(socket.writes).toEqual(['abc']);
    await socket.take();
    sut.push(Buffer.from('d'));
    await nextTurn();
    expect(write).toHaveBeenCalledTimes(2);
    expect(socket.writes).toEqual(['abc', 'd']);
  });

  it('serves many sockets in one turn, with one write each', async () => {
    const all = Array.from({ length: 30 }, () => outbox());
    for (const round of ['1', '2']) for (const { sut } of all) sut.push(Buffer.from(round));
    await nextTurn();
    for (const { socket } of all) expect(socket.writes).toEqual(['12']);
  });

  it('waits a few ms after a flush of many sockets, so that the next frames are merged into one write each', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const schedule = new FlushSchedule();
    const all = Array.from({ length: 100 }, () => {
      const { sut, socket } = outbox(undefined, schedule);
      return { sut, write: vi.spyOn(socket, 'write') };
    });
    const push = (text: string): void => all.forEach(({ sut }) => sut.push(Buffer.from(text)));
    const written = (): string[] => [
      ...new Set(all.map(({ write }) => write.mock.calls.map(([chunk]) => String(chunk)).join())),
    ];
    push('1');
    await vi.advanceTimersByTimeAsync(0);
    expect(written()).toEqual(['1']);
    push('2');
    await vi.advanceTimersByTimeAsync(1);
    push('3');
    await vi.advanceTimersByTimeAsync(0);
    expect(written()).toEqual(['1']);
    await vi.advanceTimersByTimeAsync(2);
    expect(written()).toEqual(['1,23']);
    // The others have no delay to wait for.
    await vi.advanceTimersByTimeAsync(5);
    const { sut, socket } = outbox(undefined, schedule);
    sut.push(Buffer.from('4'));
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.writes).toEqual(['4']);
  });

  it('writes large frames without copying them, and still in one write', async () => {
    const { sut, socket } = outbox();
    const frames = ['x', 'y', 'z'].map((text) => Buffer.alloc(10_000, text));
    const write = vi.spyOn(socket, 'write');
    for (const frame of frames) sut.push(frame);
    await nextTurn();
    expect(write.mock.calls.map(([chunk]) => chunk)).toEqual(frames);
    expect(write.mock.calls.every(([chunk], index) => chunk === frames[index])).toBe(true);
    expect(socket.writes.map(({ length }) => length)).toEqual([30_000]);
  });

  it('offers large amounts to the kernel before the turn ends, so that only the remainder counts', () => {
    const { sut, socket } = outbox();
    for (let i = 0; i < 7; i += 1) sut.push(Buffer.alloc(10_000));
    expect(socket.writes.map(({ length }) => length)).toEqual([70_000]);
    sut.push(Buffer.alloc(10_000));
    expect(sut.bytes).toBe(80_000);
  });

  it('counts what is queued and what the kernel has not accepted', async () => {
    const { sut, socket } = outbox();
    expect(sut.bytes).toBe(0);
    sut.push(Buffer.alloc(10));
    expect(sut.bytes).toBe(10);
    await nextTurn();
    expect(sut.bytes).toBe(10);
    sut.push(Buffer.alloc(5));
    expect(sut.bytes).toBe(15);
    await socket.take();
    expect(sut.bytes).toBe(5);
    await socket.take();
    expect(sut.bytes).toBe(0);
  });

  it('calls back when the kernel has accepted everything queued, and not before', async () => {
    const { sut, socket } = outbox();
    const done = vi.fn<() => void>();
    sut.push(Buffer.from('a'));
    sut.whenWritten(done);
    await nextTurn();
    expect(done).not.toHaveBeenCalled();
    await socket.take();
    expect(done).toHaveBeenCalledOnce();
  });

  it('calls back even if nothing is queued', async () => {
    const { sut, socket } = outbox();
    const done = vi.fn<() => void>();
    sut.push(Buffer.from('a'));
    await nextTurn();
    sut.whenWritten(done);
    await nextTurn();
    expect(done).not.toHaveBeenCalled();
    await socket.take();
    await socket.take();
    expect(done).toHaveBeenCalledOnce();
    expect(socket.writes.join('')).toBe('a');
  });

  it('keeps what the kernel does not accept, and passes it on step by step', async () => {
    const { sut, socket } = outbox();
    sut.push(Buffer.alloc(70_000, 'a'));
    expect(socket.writes).toHaveLength(1);
    for (let i = 0; i < 20; i += 1) sut.push(Buffer.alloc(10_000, 'b'));
    await nextTurn();
    expect(socket.writes).toHaveLength(1);
    expect(socket.writableLength).toBe(70_000);
    expect(sut.bytes).toBe(270_000);
    await socket.take();
    expect(socket.writes.map(({ length }) => length)).toEqual([70_000, 70_000]);
    expect(sut.bytes).toBe(200_000);
    while (sut.bytes > 0) await socket.take();
    expect(socket.writes.join('')).toBe('a'.repeat(70_000) + 'b'.repeat(200_000));
  });

  it('sends a control frame before the queued frames', async () => {
    const { sut, socket } = outbox();
    for (const text of ['a', 'b']) sut.push(Buffer.alloc(70_000, text));
    sut.pushControl(Buffer.from('!'));
    while (sut.bytes > 0) await socket.take();
    expect(socket.writes.join('').replaceAll(/(.)\1+/g, '$1')).toBe('a!b');
  });

  it('passes on everything after its end, whatever the kernel accepts', () => {
    const { sut, socket } = outbox();
    for (const text of ['a', 'b', 'c']) sut.push(Buffer.alloc(70_000, text));
    sut.push(Buffer.from('d'));
    sut.finish();
    expect(sut.bytes).toBe(210_001);
    expect(socket.writableLength).toBe(210_001);
  });

  it('drops superseded messages, and nothing else', async () => {
    const { sut, socket } = outbox();
    sut.push(Buffer.alloc(70_000, 'x'));
    const [one, other] = [{}, {}];
    const push = (text: string, kind?: object): void => {
      const frame = Buffer.from(text);
      if (kind !== undefined) supersedes(frame, kind);
      sut.push(frame);
    };
    push('a1', one);
    push('b1', other);
    push('c1');
    push('a2', one);
    push('c2');
    push('a3', one);
    push('c1');
    expect(sut.conflate()).toBe(2);
    expect(sut.bytes).toBe(70_010);
    push('b2', other);
    expect(sut.conflate()).toBe(1);
    while (sut.bytes > 0) await socket.take();
    expect(socket.writes.join('').replace(/^x+/, '')).toBe('c1c2a3c1b2');
  });

  it('calls back when what it kept is written', async () => {
    const { sut, socket } = outbox();
    const done = vi.fn<() => void>();
    sut.push(Buffer.alloc(70_000, 'a'));
    sut.push(Buffer.alloc(70_000, 'b'));
    sut.whenWritten(done);
    await socket.take();
    expect(done).not.toHaveBeenCalled();
    await socket.take();
    expect(done).toHaveBeenCalledOnce();
  });

  it('writes nothing after a close frame', async () => {
    const state: { readyState: number } = { readyState: WebSocket.OPEN };
    const { sut, socket } = outbox(state);
    sut.push(Buffer.from('late'));
    state.readyState = WebSocket.CLOSING;
    await nextTurn();
    expect(socket.writes).toEqual([]);
    expect(sut.bytes).toBe(0);
  });

  it('drops what it is asked to drop', async () => {
    const { sut, socket } = outbox();
    const done = vi.fn<() => void>();
    for (const text of ['a', 'b']) sut.push(Buffer.from(text));
    sut.whenWritten(done);
    sut.clear();
    expect(sut.bytes).toBe(0);
    await nextTurn();
    expect(socket.writes).toEqual([]);
    sut.push(Buffer.from('c'));
    await nextTurn();
    await socket.take();
    expect(socket.writes).toEqual(['c']);
    expect(done).not.toHaveBeenCalled();
  });

  it('of a TCP socket calls back when the kernel has everything, even if nothing new was queued', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const client = connect(port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    onTestFinished(() => {
      client.destroy();
      socket.destroy();
      server.close();
    });
    const sut = new Outbox({ readyState: WebSocket.OPEN } as WebSocket, socket, new FlushSchedule(), new FrameJoiner());
    sut.push(Buffer.from('a'));
    for (let round = 0; round < 3; round += 1) await new Promise<void>((resolve) => sut.whenWritten(resolve));
    const [received] = (await once(client, 'data')) as [Buffer];
    expect(received.toString()).toBe('a');
  });
});
