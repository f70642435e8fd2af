import { once } from 'node:events';
import type { ErrorData, RequestEvent, Requests, SubscribeRequest, Welcome } from '@holdfast/protocol';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';

export interface Frame {
  readonly event: string;
  readonly id?: number | string;
  // Tests inspect whatever was received.
  readonly data: Record<string, unknown>;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A plain WebSocket client that records every frame, also as text. */
export class TestClient {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  readonly closed: Promise<Closed>;
  private lastId = 0;

  constructor(readonly webSocket: WebSocket) {
    webSocket.on('message', (data: Buffer) => {
      this.texts.push(data.toString());
      this.frames.push(JSON.parse(data.toString()) as Frame);
    });
    webSocket.on('error', () => undefined);
    this.closed = once(webSocket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
    // It rejects if the upgrade is refused, which not every test awaits.
    this.closed.catch(() => undefined);
  }

  /** Waits for the welcome. */
  static async connect(url: string, protocols: string[] = [], options = {}): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url, protocols, options));
    await client.next('welcome');
    return client;
  }

  get welcome(): Welcome {
    return this.of('welcome')[0]?.data as unknown as Welcome;
  }

  send(frame: unknown): void {
    this.webSocket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The reply's data; rejects with the error's data. */
  request<E extends RequestEvent>(event: E, data?: Requests[E]['data']): Promise<Requests[E]['reply']> {
    const reply = this.exchange(event, data);
    // A test may await something else first, and Node.js would call a rejection in the meantime unhandled.
    reply.catch(() => undefined);
    return reply;
  }

  private async exchange<E extends RequestEvent>(event: E, data?: Requests[E]['data']): Promise<Requests[E]['reply']> {
    const id = (this.lastId += 1);
    this.send({ event, id, data });
    const answer = await this.answer(id);
    // oxlint-disable-next-line typescript/only-throw-error -- tests compare the error that the gateway sent
    if (answer.event === 'error') throw answer.data;
    return answer.data;
  }

  /** The error with which a frame is answered. */
  async refusal(frame: unknown): Promise<ErrorData> {
    const before = this.of('error').length;
    this.send(frame);
    return vi.waitFor(() => {
      const error = this.of('error')[before];
      if (error === undefined) throw new Error('no error frame yet');
      return error.data as unknown as ErrorData;
    });
  }

  answer(id: number | string): Promise<Frame> {
    return vi.waitFor(
      () => {
        const frame = this.frames.find((candidate) => candidate.id === id);
        if (frame === undefined) throw new Error(`no reply to ${id} yet`);
        return frame;
      },
      { interval: 2, timeout: 15_000 },
    );
  }

  subscribe(channel: string, options: Omit<SubscribeRequest, 'channel'> = {}): Promise<Requests['subscribe']['reply']> {
    return this.request('subscribe', { channel, ...options });
  }

  publish(
    channel: string,
    data: Requests['publish']['data']['data'],
    key?: string,
  ): Promise<Requests['publish']['reply']> {
    return this.request('publish', { channel, data, key });
  }

  of(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** The offsets of the messages of a channel, in order of arrival. */
  offsets(channel: string): number[] {
    return this.of('message')
      .filter(({ data }) => data['channel'] === channel)
      .map(({ data }) => data['offset'] as number);
  }

  /** The first frame of this event, once it has arrived. Rejects if the connection is closed before. */
  async next(event: string): Promise<Frame> {
    const frame = await vi.waitFor(
      () => {
        const [first] = this.of(event);
        if (first === undefined && this.webSocket.readyState !== WebSocket.CLOSED)
          throw new Error(`no "${event}" has arrived yet`);
        return first;
      },
      { interval: 2, timeout: 15_000 },
    );
    if (frame === undefined) throw new Error(`closed before "${event}" arrived`);
    return frame;
  }

  async messages(channel: string, count: number): Promise<Frame[]> {
    await vi.waitFor(() => expect(this.offsets(channel).length).toBeGreaterThanOrEqual(count), {
      interval: 2,
      timeout: 15_000,
    });
    return this.of('message').filter(({ data }) => data['channel'] === channel);
  }

  async close(code = 1000): Promise<void> {
    this.webSocket.close(code);
    await this.closed;
  }
}
